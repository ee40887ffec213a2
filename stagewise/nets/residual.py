"""Residual nets for clips of (T, H, W): what their families have in common.

A family is a frozen dataclass of numbers whose `stages` is written once, over a maker of layers: `residual_keras` makes
Keras layers, `residual_sizes` counts them, so that an estimate cannot differ from the net. Layers have the names of
their peers in PyTorch, such as `layer1.0.conv1`, by which weights find their place.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from stagewise.messages.errors import InputError

if TYPE_CHECKING:
    import keras

    from stagewise.nets.net import MapSource
    from stagewise.nets.residual_sizes import Sizes

Axes = tuple[int, int, int]  # of (T, H, W)
WHOLE: Axes = (1, 1, 1)  # a stride that leaves every place, a kernel that sees one
TYPICAL_FRAMES = 64  # of a clip where a net takes any length: most of the competition's have 56 to 64


class Maker(Protocol):
    """Makes layers, or counts them; a tensor is whatever it takes and returns."""

    def channels(self, x: Any) -> int:
        """How many the tensor has."""

    def convolve(self, x: Any, filters: int, kernel: Axes, strides: Axes, name: str) -> Any:
        """A convolution without bias, padded with half the kernel's length of zeros at both ends of each axis."""

    def normalize(self, x: Any, name: str) -> Any:
        """BatchNorm, or its like."""

    def relu(self, x: Any, name: str) -> Any:
        """What is above 0."""

    def add(self, x: Any, y: Any, name: str) -> Any:
        """The sum of two tensors of the same shape."""

    def max_pool(self, x: Any, name: str) -> Any:
        """The largest of 3x3x3, every second place of each axis; for tensors behind a ReLU."""


Block = Callable[[Maker, Any, int, Axes, str], Any]  # maker, tensor, width, strides, name


class ResidualNet:
    """What is done with a family's numbers; `input_shape`, `channels` and `batch_norm_momentum` are among them."""

    input_shape: tuple[int | None, int, int]
    channels: int
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    batch_norm_momentum: float | None
    map_method = "gradcam"  # ours: neither winner drew any

    def stages(self, make: Maker, clip: Any) -> list[Any]:
        """The layers from the preprocessed clip on; returns the tensors behind `layer1`, `layer2`, ..."""
        raise NotImplementedError

    def preprocessing(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Scale and offset for each channel of a uint8 clip: x * scale + offset."""
        raise NotImplementedError

    def build(self, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> "keras.Model":
        """The net with random weights, as `residual_keras.build` says; loads Keras."""
        from stagewise.nets import residual_keras

        return residual_keras.build(self, seed, data_format)

    def backbone(self, model: "keras.Model") -> "keras.Model":
        """All of a built net but its head, sharing its weights: up to the last stage's ReLU."""
        import keras

        return keras.Model(model.input, model.get_layer(stage_ends(self)[-1]).output, name="backbone")

    def sizes(self, clip: Axes | None = None) -> "Sizes":
        """Its parameters, its memory and its maps for one clip, counted without Keras.

        clip: (T, H, W), frames and pixels; None: the input's, of `TYPICAL_FRAMES` where its T is free.
        """
        from stagewise.nets import residual_sizes

        frames, height, width = self.input_shape
        return residual_sizes.sizes(self, clip or (frames or TYPICAL_FRAMES, height, width))

    @property
    def parameters(self) -> int:
        """Weights and BatchNorm statistics."""
        sizes = self.sizes()
        return sizes.parameters + sizes.running

    @property
    def activation_floats(self) -> int:
        """Numbers in the outputs of all layers for one clip, which training keeps for the way back."""
        return self.sizes().activation_floats

    @property
    def map_shapes(self) -> list[Axes]:
        """The size (t, h, w) of the features behind each stage, in voxels."""
        return list(self.sizes().maps)

    def map_source(self, model: "keras.Model", block: int) -> "MapSource":
        """The ReLU behind the stage of that number; see `residual_keras.map_source`."""
        from stagewise.nets import residual_keras

        return residual_keras.map_source(self, model, block)

    def __str__(self) -> str:
        frames, height, width = self.input_shape
        return f"{type(self).__name__} of blocks {self.blocks} on {frames or 'all frames'} of {height}x{width}"


def check(net: ResidualNet) -> None:
    """Raise InputError where no net can have these numbers."""
    if not net.blocks or len(net.blocks) != len(net.widths) or min(*net.blocks, *net.widths) < 1:
        raise InputError(f"a net needs a width for each stage of blocks, not blocks={net.blocks} widths={net.widths}")
    frames, *sides = net.input_shape
    if len(sides) != 2 or min(sides) < 1 or (frames is not None and frames < 1):
        raise InputError(f"input_shape={net.input_shape} is not (T, H, W), of which T may be None; mend it on the page")


def stage(make: Maker, x: Any, block: Block, depth: int, width: int, strides: Axes, name: str) -> Any:
    """`depth` blocks in a row, of which the first takes the strides."""
    for index in range(depth):
        x = block(make, x, width, strides if index == 0 else WHOLE, f"{name}.{index}")
    return x


def joined(make: Maker, x: Any, transformed: Any, strides: Axes, name: str) -> Any:
    """A block's end: what it made of x, added to x, and the ReLU, which is called `<name>.relu`.

    Where strides or channels change, x goes through a 1x1x1 convolution and a BatchNorm ("type B").
    """
    channels = make.channels(transformed)
    if strides != WHOLE or channels != make.channels(x):
        x = make.convolve(x, channels, WHOLE, strides, f"{name}.downsample.0")
        x = make.normalize(x, f"{name}.downsample.1")
    return make.relu(make.add(transformed, x, f"{name}.add"), f"{name}.relu")


def stage_ends(net: ResidualNet) -> list[str]:
    """The layer behind each stage, in a built net: the ReLU of its last block, where heat maps are taken."""
    return [layer_name(f"layer{number}.{depth - 1}.relu") for number, depth in enumerate(net.blocks, start=1)]


def layer_name(name: str) -> str:
    """The layer's name in Keras, of which PyTorch's backend allows no dots in names."""
    return name.replace(".", "_")
