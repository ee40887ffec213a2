"""What every family of nets offers a recipe, before Keras is loaded and after."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from stagewise.messages.errors import InputError

if TYPE_CHECKING:
    import keras

LEAST_SIDE = 3  # voxels of a heat map along each axis, ours: the recipe's, behind the last block, has (3, 4, 4)


class Net(Protocol):
    """A frozen dataclass of a net's numbers. input_shape: (T, H, W), frames and pixels; T None for clips of any length.

    What follows from a clip's size is said of a clip of `input_shape`, or of a typical length where that is free.
    """

    input_shape: tuple[int | None, int, int]

    def build(self, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> "keras.Model":
        """The net with random weights: from (B, T, H, W, C) uint8 to (B, 1) float32, the probability of stalled.

        Its preprocessing is its first layer. data_format: where the convolutions have their channels, "channels_last"
        or "channels_first"; input, output and weights are the same.
        """

    def backbone(self, model: "keras.Model") -> "keras.Model":
        """All of a built net but its head, sharing its weights: what a file of pretrained weights fills."""

    @property
    def parameters(self) -> int:
        """Weights and BatchNorm statistics."""

    @property
    def activation_floats(self) -> int:
        """Numbers in the outputs of all layers for one clip, which training keeps for the way back."""

    @property
    def map_shapes(self) -> list[tuple[int, int, int]]:
        """The size (t, h, w) of the features behind each block, in voxels: where a heat map can be taken."""

    def __str__(self) -> str:
        """A few words for the plan."""


def chosen_block(net: Net, asked: int | None = None) -> int:
    """The block to take a heat map from, its number from 1: the one asked for, or the last that is fine enough.

    Fine enough is a map of `LEAST_SIDE` voxels along each axis; where none is, the first block. In the recipe's net it
    is the last, as in the recipe; in the demo's the second of four, for the last one's (1, 2, 2) voxels tell hardly
    anything apart. Raises InputError where the net has no such block,
    or takes clips of any length, whose padding a map would show as a part of the clip.
    """
    shapes = net.map_shapes
    if not shapes or net.input_shape[0] is None:  # a map of no size of its own
        raise InputError(f"{net} has no features to take a heat map from; r51 --clips 0 makes the report without them")
    if asked is not None and asked > len(shapes):
        raise InputError(f"the net has no block {asked}; give --block 1 to {len(shapes)}, or leave it out")
    fine = [number for number, shape in enumerate(shapes, start=1) if min(shape) >= LEAST_SIDE]
    return asked or max(fine, default=1)
