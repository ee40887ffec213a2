"""3D ResNets of the Kinetics family (depths 10 to 200): the second place's net, with MONAI's layers and names."""

from dataclasses import dataclass
from typing import Any

from stagewise.nets.residual import WHOLE, Axes, Maker, ResidualNet, check, joined, stage

EXPANSION = 4  # a bottleneck's last convolution has 4 x its width (He et al., CVPR 2016)
STEM_STRIDES = (1, 2, 2)  # winner's value: no frame is lost before the first pooling


@dataclass(frozen=True)
class ResNet3D(ResidualNet):
    """The numbers of a net that has 85,203,265 trainable parameters with the second place's.

    `input_shape` is (T, H, W), frames and pixels, T None for clips of any length; `channels` are the clip's, 1 for
    grey; `blocks` are the blocks of each stage, (3, 4, 23, 3) in ResNet101; `bottleneck` blocks have three convolutions
    and 4 x their width, others two; `widths` are each stage's channels, of which the stem has the first;
    `batch_norm_momentum` is the share of the old running statistics that a batch leaves, None for a norm by each
    clip's own statistics.
    """

    input_shape: tuple[int | None, int, int]
    channels: int
    blocks: tuple[int, ...]
    bottleneck: bool
    widths: tuple[int, ...]
    batch_norm_momentum: float | None

    def __post_init__(self) -> None:
        check(self)

    def preprocessing(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """From 0 to 1: no mean, no deviation."""
        return (1 / 255,) * self.channels, (0.0,) * self.channels

    def stages(self, make: Maker, clip: Any) -> list[Any]:
        """Stem, pooling, and the stages, of which each but the first halves every axis, rounding up."""
        x = make.convolve(clip, self.widths[0], (7, 7, 7), STEM_STRIDES, "conv1")
        x = make.relu(make.normalize(x, "bn1"), "relu")
        x = make.max_pool(x, "maxpool")
        block, ends = _bottleneck if self.bottleneck else _basic, []
        for number, (depth, width) in enumerate(zip(self.blocks, self.widths, strict=True), start=1):
            x = stage(make, x, block, depth, width, WHOLE if number == 1 else (2, 2, 2), f"layer{number}")
            ends.append(x)
        return ends


def _bottleneck(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
    y = make.convolve(x, width, WHOLE, WHOLE, f"{name}.conv1")
    y = make.relu(make.normalize(y, f"{name}.bn1"), f"{name}.relu1")
    y = make.convolve(y, width, (3, 3, 3), strides, f"{name}.conv2")
    y = make.relu(make.normalize(y, f"{name}.bn2"), f"{name}.relu2")
    y = make.convolve(y, EXPANSION * width, WHOLE, WHOLE, f"{name}.conv3")
    return joined(make, x, make.normalize(y, f"{name}.bn3"), strides, name)


def _basic(make: Maker, x: Any, width: int, strides: Axes, name: str) -> Any:
    y = make.convolve(x, width, (3, 3, 3), strides, f"{name}.conv1")
    y = make.relu(make.normalize(y, f"{name}.bn1"), f"{name}.relu1")
    y = make.convolve(y, width, (3, 3, 3), WHOLE, f"{name}.conv2")
    return joined(make, x, make.normalize(y, f"{name}.bn2"), strides, name)
