"""The sizes of a net, counted by its own layers: for estimates before Keras is loaded."""

from dataclasses import dataclass
from math import prod

from stagewise.nets.maker import BY_FAN_OUT, Axes, whole


@dataclass(frozen=True)
class Sizes:
    """`parameters` are trained, `running` are BatchNorm's statistics, which are not; `activation_floats` are the
    numbers in the outputs of all layers for one clip or image, which training keeps for the way back; `multiply_adds`
    are those of its convolutions, for one forward pass."""

    parameters: int
    running: int
    activation_floats: int
    multiply_adds: int


@dataclass(frozen=True)
class Counted:
    """A tensor's size; steps: from one of its places to the next on the clip or the image."""

    axes: Axes
    channels: int
    steps: Axes


class CountedLayers:
    """Counts what `keras_layers` makes. statistics: that run along, a channel of BatchNorm."""

    def __init__(self, statistics: int) -> None:
        self.statistics = statistics
        self.parameters = self.running = self.floats = self.multiply_adds = 0

    def start(self, axes: Axes, *channels: int) -> Counted:
        """What comes first, each with so many channels; the last is returned."""
        made = [self.make(Counted(axes, count, whole(axes))) for count in channels]
        return made[-1]

    def make(self, x: Counted) -> Counted:
        self.floats += prod(x.axes) * x.channels
        return x

    def padded(self, x: Counted, half: Axes) -> None:
        axes = tuple(axis + 2 * zeros for axis, zeros in zip(x.axes, half, strict=True))
        self.make(Counted(axes, x.channels, x.steps))

    def channels(self, x: Counted) -> int:
        return x.channels

    def convolve(
        self,
        x: Counted,
        filters: int,
        kernel: Axes,
        strides: Axes,
        name: str,
        groups: int = 1,
        bias: bool = False,
        start: str = BY_FAN_OUT,
    ) -> Counted:
        if strides != whole(strides) and kernel != whole(kernel):
            self.padded(x, tuple(length // 2 for length in kernel))
        made = self.make(_strided(x, strides, filters))
        weights = prod(kernel) * x.channels // groups * filters
        self.parameters += weights + bias * filters
        self.multiply_adds += weights * prod(made.axes)
        return made

    def normalize(self, x: Counted, name: str) -> Counted:
        self.parameters += 2 * x.channels
        self.running += self.statistics * x.channels
        return self.make(x)

    def relu(self, x: Counted, name: str) -> Counted:
        return self.make(x)

    def sigmoid(self, x: Counted, name: str) -> Counted:
        return self.make(x)

    def add(self, x: Counted, y: Counted, name: str) -> Counted:
        return self.make(x)

    def multiply(self, x: Counted, gate: Counted, name: str) -> Counted:
        return self.make(x)

    def maximum(self, x: Counted, y: Counted, name: str) -> Counted:
        return self.make(x)

    def concatenate(self, x: Counted, y: Counted, name: str) -> Counted:
        return self.make(Counted(x.axes, x.channels + y.channels, x.steps))

    def mean(self, x: Counted, name: str) -> Counted:
        return self.make(Counted(whole(x.axes), x.channels, x.steps))

    def max_pool(self, x: Counted, name: str, length: int = 3, both_ends: bool = True) -> Counted:
        if both_ends:
            self.padded(x, whole(x.axes))
        return self.make(_strided(x, (2,) * len(x.axes), x.channels))

    def double(self, x: Counted, way: str, name: str) -> Counted:
        axes, steps = tuple(2 * axis for axis in x.axes), tuple(step // 2 for step in x.steps)
        return self.make(Counted(axes, x.channels, steps))


def _strided(x: Counted, strides: Axes, channels: int) -> Counted:
    """Half as long, rounded up, where the stride is 2."""
    axes = tuple(-(-axis // stride) for axis, stride in zip(x.axes, strides, strict=True))
    return Counted(axes, channels, tuple(step * stride for step, stride in zip(x.steps, strides, strict=True)))
