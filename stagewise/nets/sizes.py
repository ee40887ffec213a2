"""The sizes of `densenet3d`, counted from its numbers: for estimates before Keras is loaded."""

from dataclasses import dataclass
from math import prod

from stagewise.messages.errors import InputError

LEAST_SIDE = 3  # voxels of a heat map along each axis, ours: the recipe's, behind the last block, has (3, 4, 4)
BOTTLENECK = 4  # a dense layer's 1x1x1 convolution makes 4 x growth rate channels (Huang et al., CVPR 2017)


@dataclass(frozen=True)
class Net:
    """The network of a recipe.

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


def activation_floats(net: Net) -> int:
    """Numbers in the outputs of all layers for one clip, which training keeps for the way back."""
    axes, channels = net.input_shape, net.stem_filters
    total = 3 * (2 * prod(axes) + prod(axis + 6 for axis in axes))  # clip, preprocessing, padding
    axes = _halved_up(axes)
    total += channels * (3 * prod(axes) + prod(axis + 2 for axis in axes))  # convolution, norm, relu, padding
    axes = _halved_up(axes)
    total += channels * prod(axes)
    for number, depth in enumerate(net.blocks, start=1):
        for _ in range(depth):
            total += prod(axes) * (3 * channels + (3 * BOTTLENECK + 2) * net.growth_rate)
            channels += net.growth_rate
        if number < len(net.blocks):
            kept = int(channels * net.reduction)
            total += prod(axes) * (2 * channels + kept)
            axes, channels = tuple(axis // 2 for axis in axes), kept
            total += prod(axes) * channels
    return total + 2 * channels * prod(axes) + channels + 2 * net.head_units + 1


def parameters(net: Net) -> int:
    """Weights and BatchNorm statistics, 4 a channel of BatchNorm."""
    channels, wide = net.stem_filters, BOTTLENECK * net.growth_rate
    total = 3 * 7**3 * channels + 4 * channels
    for number, depth in enumerate(net.blocks, start=1):
        for _ in range(depth):
            total += (4 + wide) * channels + 4 * wide + 3**3 * wide * net.growth_rate
            channels += net.growth_rate
        if number < len(net.blocks):
            kept = int(channels * net.reduction)
            total += (4 + kept) * channels
            channels = kept
    return total + 4 * channels + (channels + 1) * net.head_units + net.head_units + 1


def map_shapes(net: Net) -> list[tuple[int, int, int]]:
    """The size (t, h, w) of the features behind each dense block, in voxels."""
    axes = _halved_up(_halved_up(net.input_shape))
    return [tuple(axis // 2**block for axis in axes) for block in range(len(net.blocks))]


def chosen_block(net: Net, asked: int | None = None) -> int:
    """The dense block to take a heat map from, its number from 1: the one asked for, or the last that is fine enough.

    Fine enough is a map of `LEAST_SIDE` voxels along each axis; where none is, the first block. In the recipe's net it
    is the last, as in the recipe; in the demo's the second of four, for the last one's (1, 2, 2) voxels tell hardly
    anything apart. Raises InputError where the net has no such block.
    """
    if asked is not None and asked > len(net.blocks):
        raise InputError(f"the net has no dense block {asked}; give --block 1 to {len(net.blocks)}, or leave it out")
    fine = [number for number, shape in enumerate(map_shapes(net), start=1) if min(shape) >= LEAST_SIDE]
    return asked or max(fine, default=1)


def _halved_up(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((axis + 1) // 2 for axis in axes)
