"""Records what the segmentation winner's three U-Nets answer in PyTorch, for `tests/test_segmentation_nets.py`.

pip install -r tests/oracles/requirements-torch.txt
python tests/oracles/torch_unets.py            writes tests/oracles/{albunet,resnet_unet,scse_unet}.npz

Encoders are torchvision's ResNet34 (with a pooling of 2x2) and ResNet50, and segmentation-models-pytorch's
SE-ResNeXt50; decoders are written here from the winner's description. Weights are `filled` by their names, as in
`torch_nets`. A file holds the names and shapes of the state dict, how many parameters are trained, and for each of
SHAPES, with the same weights, the means of the last encoder map and a third of the rows and columns of the logits,
computed in float64.
"""

from pathlib import Path

import numpy as np
from torch_nets import filled

FOLDER = Path(__file__).parent
SHAPES = ((2, 64, 64), (1, 64, 192))  # (B, H, W)
SCALINGS = {"albunet": "unit", "resnet_unet": "imagenet", "scse_unet": "unit"}


def images(shape: tuple[int, int, int]) -> np.ndarray:
    """(B, H, W, 1) uint8 of noise, the first image the darkest."""
    generator = np.random.default_rng(6)
    tops = np.linspace(60, 256, shape[0])
    return np.stack([generator.integers(0, top, (*shape[1:], 1), np.uint8) for top in tops])


def _nets():
    import torch
    from torch import nn
    from torch.nn import functional

    for operator in ("nms", "qnms"):  # which torchvision's wheel registers beside another build of PyTorch alone
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import torchvision
    from segmentation_models_pytorch.encoders import get_encoder

    def three(entering: int, leaving: int) -> nn.Conv2d:
        return nn.Conv2d(entering, leaving, 3, padding=1)

    class AlbuNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torchvision.models.resnet34()
            self.encoder.fc = nn.Identity()
            blocks = {"center": (512, 512, 256), "dec5": (768, 512, 256), "dec4": (512, 512, 256)}
            blocks |= {"dec3": (384, 256, 64), "dec2": (128, 128, 128), "dec1": (128, 128, 32)}
            self.blocks = nn.ModuleDict(
                {
                    name: nn.ModuleDict({"conv1": three(first, inside), "conv2": three(inside, last)})
                    for name, (first, inside, last) in blocks.items()
                }
            )
            self.dec0, self.logits = three(32, 32), nn.Conv2d(32, 1, 1)

        def block(self, name, *maps):
            x = functional.interpolate(torch.cat(maps, 1), scale_factor=2, mode="bilinear", align_corners=False)
            return functional.relu(self.blocks[name]["conv2"](functional.relu(self.blocks[name]["conv1"](x))))

        def forward(self, x):
            encoder = self.encoder
            x = functional.max_pool2d(functional.relu(encoder.bn1(encoder.conv1(x))), 2, 2)
            c2 = encoder.layer1(x)
            c3 = encoder.layer2(c2)
            c4 = encoder.layer3(c3)
            c5 = encoder.layer4(c4)
            x = self.block("center", functional.max_pool2d(c5, 2, 2))
            for name, skip in (("dec5", c5), ("dec4", c4), ("dec3", c3), ("dec2", c2)):
                x = self.block(name, x, skip)
            return self.logits(functional.relu(self.dec0(self.block("dec1", x)))), c5

    class Gates(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels // 2, channels, 1)
            self.conv = nn.Conv2d(channels, 1, 1, bias=False)

        def forward(self, x):
            of_channels = torch.sigmoid(self.fc2(functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))))
            return torch.max(x * of_channels, x * torch.sigmoid(self.conv(x)))

    class Joined(nn.Module):
        def __init__(self, encoder, decoded: tuple[int, ...], gated: bool) -> None:
            super().__init__()
            self.encoder, self.levels = encoder, nn.ModuleDict()
            for level, (skip, wide) in enumerate(zip((64, 256, 512, 1024), decoded[3::-1], strict=True)):
                before = 2048 if level == 3 else decoded[2 - level]
                parts = {"up": three(before, wide), "join": three(wide + skip, wide)}
                self.levels[str(level)] = nn.ModuleDict(parts | ({"scse": Gates(wide)} if gated else {}))
            self.last, self.logits = three(decoded[3], decoded[4]), nn.Conv2d(decoded[4], 1, 1)

        def maps(self, x):
            encoder = self.encoder
            if not hasattr(encoder, "conv1"):  # the SE-ResNeXt
                return encoder(x)[1:]
            stem = functional.relu(encoder.bn1(encoder.conv1(x)))
            ends = [stem, encoder.layer1(functional.max_pool2d(stem, 3, 2, 1))]
            for layer in (encoder.layer2, encoder.layer3, encoder.layer4):
                ends.append(layer(ends[-1]))
            return ends

        def forward(self, x):
            *skips, last = self.maps(x)
            x = last
            for level in (3, 2, 1, 0):
                parts = self.levels[str(level)]
                x = functional.relu(parts["up"](functional.interpolate(x, scale_factor=2, mode="nearest")))
                x = functional.relu(parts["join"](torch.cat([x, skips[level]], 1)))
                x = parts["scse"](x) if "scse" in parts else x
            x = functional.relu(self.last(functional.interpolate(x, scale_factor=2, mode="nearest")))
            return self.logits(x), last

    resnet50 = torchvision.models.resnet50()
    resnet50.fc = nn.Identity()
    yield "albunet", AlbuNet()
    yield "resnet_unet", Joined(resnet50, (256, 256, 128, 64, 64), gated=False)
    yield "scse_unet", Joined(get_encoder("se_resnext50_32x4d", weights=None), (384, 256, 128, 64, 32), gated=True)


def ours(name: str) -> str:
    """What a tensor's module is called in our nets."""
    name = name.removeprefix("encoder.").removeprefix("blocks.")
    if not name.startswith("levels."):
        return name.replace("last.", "last.conv.")
    _, level, part, rest = name.split(".", 3)
    return f"join{level}.scse.{rest}" if part == "scse" else f"{part}{level}.conv.{rest}"


def record(name: str, net) -> None:
    """Fill a net, run it, and write its file."""
    import torch

    state = net.state_dict()
    net.load_state_dict({key: torch.from_numpy(filled(ours(key), tuple(value.shape))) for key, value in state.items()})
    net.double().eval()
    answers = {}
    for number, shape in enumerate(SHAPES):
        scaled = np.repeat(images(shape) / 255, 3, axis=-1)
        if SCALINGS[name] == "imagenet":
            scaled = (scaled - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
        with torch.no_grad():
            logits, last = net(torch.from_numpy(scaled.transpose(0, 3, 1, 2).copy()))
        answers[f"features_{number}"] = last.mean((2, 3)).numpy().astype(np.float32)
        answers[f"logits_{number}"] = logits[:, 0, ::3, ::3].numpy().astype(np.float32)
    np.savez_compressed(
        FOLDER / f"{name}.npz",
        names=np.array([ours(key) for key in state]),
        shapes=np.array([",".join(map(str, value.shape)) for value in state.values()]),
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        encoder=sum(parameter.numel() for parameter in net.encoder.parameters()),
        **answers,
    )
    print(name, {key: (value.std(), np.ptp(value)) for key, value in answers.items()})


if __name__ == "__main__":
    for made in _nets():
        record(*made)
