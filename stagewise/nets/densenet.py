"""DenseNet in 3D by its numbers: what they are, and what follows from them before Keras is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from stagewise.nets.net import MapSource

BOTTLENECK = 4  # a dense layer's 1x1x1 convolution makes 4 x growth rate channels (Huang et al., CVPR 2017)


@dataclass(frozen=True)
class DenseNet3D:
    """DenseNet in 3D, by its numbers; the layers are in `nets.densenet3d`.

    `input_shape` is (T, H, W), frames and pixels; `blocks` are the layers of each dense block;
    `growth_rate`, `stem_filters` and `head_units` are channels; `reduction` is the share of channels that a
    transition keeps; `dropout` is the share of head units dropped in training; `batch_norm_momentum` is the
    share of the old running statistics that a batch leaves.
    """

    input_shape: tuple[int, int, int]
    blocks: tuple[int, ...]
    growth_rate: int
    stem_filters: int
    reduction: float
    head_units: int
    dropout: float
    batch_norm_momentum: float
    map_method = "statistics"  # the winner's

    def build(self, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> "keras.Model":
        """As `nets.net.Net` has it, by `densenet3d`."""
        from stagewise.nets.densenet3d import densenet3d

        return densenet3d(self, seed, data_format)

    def backbone(self, model: "keras.Model") -> "keras.Model":
        """All but the head, up to the last ReLU."""
        from stagewise.nets.densenet3d import backbone

        return backbone(model)

    @property
    def activation_floats(self) -> int:
        """Numbers in the outputs of all layers for one clip, which training keeps for the way back."""
        axes, channels = self.input_shape, self.stem_filters
        total = 3 * (2 * prod(axes) + prod(axis + 6 for axis in axes))  # clip, preprocessing, padding
        axes = _halved_up(axes)
        total += channels * (3 * prod(axes) + prod(axis + 2 for axis in axes))  # convolution, norm, relu, padding
        axes = _halved_up(axes)
        total += channels * prod(axes)
        for number, depth in enumerate(self.blocks, start=1):
            for _ in range(depth):
                total += prod(axes) * (3 * channels + (3 * BOTTLENECK + 2) * self.growth_rate)
                channels += self.growth_rate
            if number < len(self.blocks):
                kept = int(channels * self.reduction)
                total += prod(axes) * (2 * channels + kept)
                axes, channels = tuple(axis // 2 for axis in axes), kept
                total += prod(axes) * channels
        return total + 2 * channels * prod(axes) + channels + 2 * self.head_units + 1

    @property
    def parameters(self) -> int:
        """Weights and BatchNorm statistics, 4 a channel of BatchNorm."""
        channels, wide = self.stem_filters, BOTTLENECK * self.growth_rate
        total = 3 * 7**3 * channels + 4 * channels
        for number, depth in enumerate(self.blocks, start=1):
            for _ in range(depth):
                total += (4 + wide) * channels + 4 * wide + 3**3 * wide * self.growth_rate
                channels += self.growth_rate
            if number < len(self.blocks):
                kept = int(channels * self.reduction)
                total += (4 + kept) * channels
                channels = kept
        return total + 4 * channels + (channels + 1) * self.head_units + self.head_units + 1

    @property
    def map_shapes(self) -> list[tuple[int, int, int]]:
        """The size (t, h, w) of the features behind each dense block, in voxels."""
        axes = _halved_up(_halved_up(self.input_shape))
        return [tuple(axis // 2**block for axis in axes) for block in range(len(self.blocks))]

    def map_source(self, model: "keras.Model", block: int) -> "MapSource":
        """The BatchNorm behind the block, where the recipe has its map, and its ReLU; see `densenet3d.map_source`."""
        from stagewise.nets.densenet3d import map_source

        return map_source(model, block)

    def __str__(self) -> str:
        return f"net of blocks {self.blocks} on {self.input_shape}"


def _halved_up(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((axis + 1) // 2 for axis in axes)
