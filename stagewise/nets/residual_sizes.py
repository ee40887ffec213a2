"""The sizes of a residual net, counted by its own layers: for estimates before Keras is loaded."""

from dataclasses import dataclass
from math import prod

from stagewise.nets.residual import WHOLE, Axes, ResidualNet


@dataclass(frozen=True)
class Sizes:
    """`parameters` are trained, `running` are BatchNorm's statistics, which are not; `activation_floats` are the
    numbers in the outputs of all layers for one clip, which training keeps for the way back; `maps` are the sizes
    (t, h, w), in voxels, of the features behind `layer1`, `layer2`, ..., and `steps` how many frames and pixels of the
    clip lie from one voxel to the next."""

    parameters: int
    running: int
    activation_floats: int
    maps: tuple[Axes, ...]
    steps: tuple[Axes, ...]


@dataclass(frozen=True)
class _Tensor:
    axes: Axes
    channels: int
    steps: Axes = WHOLE  # of its voxels on the clip


def sizes(net: ResidualNet, clip: Axes) -> Sizes:
    """Count a net for clips of (T, H, W), frames and pixels."""
    layers = _Counted(2 if net.batch_norm_momentum is not None else 0)
    start = _Tensor(clip, net.channels)
    layers.make(start), layers.make(start)  # clip and preprocessing
    ends = net.stages(layers, start)
    channels = ends[-1].channels
    layers.floats += channels + 2  # their mean, log odds, probability
    maps, steps = tuple(end.axes for end in ends), tuple(end.steps for end in ends)
    return Sizes(layers.parameters + channels + 1, layers.running, layers.floats, maps, steps)


class _Counted:
    """Counts what `residual_keras` makes."""

    def __init__(self, statistics: int) -> None:
        self.statistics = statistics  # that run along, a channel of BatchNorm
        self.parameters = self.running = self.floats = 0

    def make(self, x: _Tensor) -> _Tensor:
        self.floats += prod(x.axes) * x.channels
        return x

    def padded(self, x: _Tensor, half: Axes) -> None:
        self.make(_Tensor(tuple(axis + 2 * zeros for axis, zeros in zip(x.axes, half, strict=True)), x.channels))

    def channels(self, x: _Tensor) -> int:
        return x.channels

    def convolve(self, x: _Tensor, filters: int, kernel: Axes, strides: Axes, name: str) -> _Tensor:
        if strides != WHOLE and kernel != WHOLE:
            self.padded(x, tuple(length // 2 for length in kernel))
        self.parameters += prod(kernel) * x.channels * filters
        return self.make(_strided(x, strides, filters))

    def normalize(self, x: _Tensor, name: str) -> _Tensor:
        self.parameters += 2 * x.channels
        self.running += self.statistics * x.channels
        return self.make(x)

    def relu(self, x: _Tensor, name: str) -> _Tensor:
        return self.make(x)

    def add(self, x: _Tensor, y: _Tensor, name: str) -> _Tensor:
        return self.make(x)

    def max_pool(self, x: _Tensor, name: str) -> _Tensor:
        self.padded(x, WHOLE)
        return self.make(_strided(x, (2, 2, 2), x.channels))


def _strided(x: _Tensor, strides: Axes, channels: int) -> _Tensor:
    """Half as long, rounded up, where the stride is 2."""
    axes = tuple(-(-axis // stride) for axis, stride in zip(x.axes, strides, strict=True))
    return _Tensor(axes, channels, tuple(step * stride for step, stride in zip(x.steps, strides, strict=True)))
