"""3D ResNets of the Kinetics family (depths 10 to 200): the second place's net, with MONAI's layers and names."""

from dataclasses import dataclass
from typing import Any

from stagewise.nets.maker import Maker
from stagewise.nets.residual import ResidualNet, check
from stagewise.nets.residual_blocks import basic, bottleneck, stages

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
        block = bottleneck if self.bottleneck else basic
        return stages(make, x, block, self.blocks, self.widths, (2, 2, 2))
