"""What nets that have their layers' names from PyTorch are written over: a maker of layers.

A family is a frozen dataclass of numbers whose layers are written down once, over a maker: `keras_layers` makes Keras
layers, `counted_layers` counts them, so that an estimate cannot differ from the net. Layers have the names of their
peers in PyTorch, such as `layer1.0.conv1`, by which weights find their place.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from stagewise.nets.counted_layers import Sizes

Axes = tuple[int, ...]  # of (T, H, W), or of (H, W)

# How a convolution's random weights are drawn:
# normal, sqrt(2 / (filters x kernel volume)) (He et al., "Delving deep into rectifiers", ICCV 2015, by fan out)
BY_FAN_OUT = "by fan out"
# normal, sqrt(2 / (channels x kernel volume)), a bias of 0 (the same, by fan in)
BY_FAN_IN = "by fan in"
# uniform in +-1 / sqrt(channels x kernel volume), the bias, too: PyTorch's default
UNIFORM = "uniform"


class Maker(Protocol):
    """Makes layers, or counts them; a tensor is whatever it takes and returns."""

    def channels(self, x: Any) -> int:
        """How many the tensor has."""

    def convolve(
        self,
        x: Any,
        filters: int,
        kernel: Axes,
        strides: Axes,
        name: str,
        groups: int = 1,
        bias: bool = False,
        start: str = BY_FAN_OUT,
    ) -> Any:
        """A convolution, padded with half the kernel's length of zeros at both ends of each axis."""

    def normalize(self, x: Any, name: str) -> Any:
        """BatchNorm, or its like."""

    def relu(self, x: Any, name: str) -> Any:
        """What is above 0."""

    def sigmoid(self, x: Any, name: str) -> Any:
        """From 0 to 1."""

    def add(self, x: Any, y: Any, name: str) -> Any:
        """The sum of two tensors of the same shape."""

    def multiply(self, x: Any, gate: Any, name: str) -> Any:
        """The product with a gate, which has one place, or one channel, for all of x."""

    def maximum(self, x: Any, y: Any, name: str) -> Any:
        """The greater of two tensors of the same shape, place by place."""

    def concatenate(self, x: Any, y: Any, name: str) -> Any:
        """The channels of both."""

    def mean(self, x: Any, name: str) -> Any:
        """Of each channel, over all places: one place is left."""

    def max_pool(self, x: Any, name: str, length: int = 3, both_ends: bool = True) -> Any:
        """The largest of a window of that length along each axis, every second place; for tensors behind a ReLU.

        both_ends: a place of zeros is laid around the tensor; else the last window ends where the tensor does.
        """

    def double(self, x: Any, way: str, name: str) -> Any:
        """Twice as many places along each axis; way: "nearest", or "bilinear" between the places' middles."""


class CountedNet:
    """What follows from `sizes`, which a family counts without Keras."""

    def sizes(self) -> "Sizes":
        """Its parameters and its memory for one clip or image of the input's size."""
        raise NotImplementedError

    @property
    def parameters(self) -> int:
        """Weights and BatchNorm statistics."""
        sizes = self.sizes()
        return sizes.parameters + sizes.running

    @property
    def activation_floats(self) -> int:
        """Numbers in the outputs of all layers for one clip or image, which training keeps for the way back."""
        return self.sizes().activation_floats


def whole(axes: Sequence[int]) -> Axes:
    """A stride that leaves every place, or a kernel that sees one, of as many axes."""
    return (1,) * len(axes)


def layer_name(name: str) -> str:
    """The layer's name in Keras, of which PyTorch's backend allows no dots in names."""
    return name.replace(".", "_")
