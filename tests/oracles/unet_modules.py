"""The segmentation winner's decoders in PyTorch, written from the winner's description, on any encoder."""

import torch
from torch import nn
from torch.nn import functional


def three(entering: int, leaving: int) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, 3, padding=1)


class AlbuNet(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
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
