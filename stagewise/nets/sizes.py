"""The sizes of `densenet3d`, counted from its numbers: for estimates before Keras is loaded."""

from math import prod

from stagewise.recipes.config import Net

BOTTLENECK = 4  # a dense layer's 1x1x1 convolution makes 4 x growth rate channels (Huang et al., CVPR 2017)


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


def _halved_up(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((axis + 1) // 2 for axis in axes)
