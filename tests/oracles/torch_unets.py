"""Records what the segmentation winner's three U-Nets answer in PyTorch, for `tests/test_segmentation_nets.py`.

pip install -r tests/oracles/requirements-torch.txt
python tests/oracles/torch_unets.py            writes tests/oracles/{albunet,resnet_unet,scse_unet}.npz

Encoders are torchvision's ResNet34 (with a pooling of 2x2) and ResNet50, and segmentation-models-pytorch's
SE-ResNeXt50; decoders are written here from the winner's description. Weights are `filled` by their names, as in
`torch_nets`. A file holds the names and shapes of the state dict, how many parameters are trained, and for each of
SHAPES, with the same weights, the means of the last encoder map and a third of the rows and columns of the logits,
computed in float64.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch_nets import filled

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).parent
SHAPES = ((2, 64, 64), (1, 64, 192))  # (B, H, W)
SCALINGS = {"albunet": "unit", "resnet_unet": "imagenet", "scse_unet": "unit"}


def images(shape: tuple[int, int, int]) -> np.ndarray:
    """(B, H, W, 1) uint8 of noise, the first image the darkest."""
    generator = np.random.default_rng(6)
    tops = np.linspace(60, 256, shape[0])
    return np.stack([generator.integers(0, top, (*shape[1:], 1), np.uint8) for top in tops])


def nets() -> Iterator[tuple[str, "nn.Module"]]:
    """The three, by name, with random weights."""
    import torch
    from torch import nn

    for operator in ("nms", "qnms"):  # which torchvision's wheel registers beside another build of PyTorch alone
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import torchvision
    from segmentation_models_pytorch.encoders import get_encoder
    from unet_modules import AlbuNet, Joined

    resnet34, resnet50 = torchvision.models.resnet34(), torchvision.models.resnet50()
    resnet34.fc = resnet50.fc = nn.Identity()
    yield "albunet", AlbuNet(resnet34)
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
    for made in nets():
        record(*made)
