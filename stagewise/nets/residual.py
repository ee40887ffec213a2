"""Residual nets for clips of (T, H, W): what their families have in common.

A family is a frozen dataclass of numbers whose `stages` is written once, over a maker of layers (`maker`).

Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stagewise.messages.errors import InputError
from stagewise.nets.maker import Axes, CountedNet, Maker, layer_name

if TYPE_CHECKING:
    import keras

    from stagewise.nets.net import MapSource
    from stagewise.nets.residual_sizes import MappedSizes

TYPICAL_FRAMES = 64  # of a clip where a net takes any length: most of the competition's have 56 to 64


class ResidualNet(CountedNet):
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

    def sizes(self, clip: Axes | None = None) -> "MappedSizes":
        """Its parameters, its memory and its maps for one clip, counted without Keras.

        clip: (T, H, W), frames and pixels; None: the input's, of `TYPICAL_FRAMES` where its T is free.
        """
        from stagewise.nets import residual_sizes

        frames, height, width = self.input_shape
        return residual_sizes.sizes(self, clip or (frames or TYPICAL_FRAMES, height, width))

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


def stage_ends(net: ResidualNet) -> list[str]:
    """The layer behind each stage, in a built net: the ReLU of its last block, where heat maps are taken."""
    return [layer_name(f"layer{number}.{depth - 1}.relu") for number, depth in enumerate(net.blocks, start=1)]
