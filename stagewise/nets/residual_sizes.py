"""The sizes of a residual net for clips, counted by its own layers: for estimates before Keras is loaded."""

from dataclasses import dataclass

from stagewise.nets.counted_layers import CountedLayers, Sizes
from stagewise.nets.maker import Axes
from stagewise.nets.residual import ResidualNet


@dataclass(frozen=True)
class MappedSizes(Sizes):
    """With `maps`, the sizes (t, h, w), in voxels, of the features behind `layer1`, `layer2`, ..., and `steps`, how
    many frames and pixels of the clip lie from one voxel to the next."""

    maps: tuple[Axes, ...]
    steps: tuple[Axes, ...]


def sizes(net: ResidualNet, clip: Axes) -> MappedSizes:
    """Count a net for clips of (T, H, W), frames and pixels."""
    layers = CountedLayers(2 if net.batch_norm_momentum is not None else 0)
    ends = net.stages(layers, layers.start(clip, net.channels, net.channels))  # clip and preprocessing
    channels = ends[-1].channels
    layers.floats += channels + 2  # their mean, log odds, probability
    maps, steps = tuple(end.axes for end in ends), tuple(end.steps for end in ends)
    weights = layers.parameters + channels + 1
    return MappedSizes(weights, layers.running, layers.floats, layers.multiply_adds + channels, maps, steps)
