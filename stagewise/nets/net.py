"""What every family of nets offers a recipe, before Keras is loaded and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stagewise.messages.errors import InputError

if TYPE_CHECKING:
    import keras
    import numpy as np

LEAST_SIDE = 3  # voxels of a heat map along each axis, ours: the recipe's, behind the last block, has (3, 4, 4)


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a map lie on the clip that a net sees.

    first: the middle of the first voxel; steps: from one to the next; both along (T, H, W), in frames and pixels, of
    which the first one's middle is 0.
    """

    first: tuple[int, int, int]
    steps: tuple[int, int, int]

    def voxels(self, frames: int) -> int:
        """How many of a map's voxels, along T, have their middle on one of so many frames; one at least."""
        return max((frames - 1 - self.first[0]) // self.steps[0] + 1, 1)


@dataclass(frozen=True)
class MapSource:
    """What a heat map of a built net is taken from.

    features: the tensor behind a block, (B, t, h, w, channels) or channels first, before its ReLU where the family has
    it there; active: the same behind its ReLU; channels: their axis; grid: where its voxels lie.
    log_odds: a tensor of (B, k) and a vector (k,) by which its product, but for a constant, is the log odds of
    "stalled"; slopes: behind the last block, how these grow with each channel's mean over the map, from the means
    (B, channels) to (B, channels), and None before it.
    """

    features: "keras.KerasTensor"
    active: "keras.KerasTensor"
    channels: int
    grid: Grid
    log_odds: tuple["keras.KerasTensor", "np.ndarray"]
    slopes: "Callable[[np.ndarray], np.ndarray] | None" = None


class Net(Protocol):
    """A frozen dataclass of a net's numbers. input_shape: (T, H, W), frames and pixels; T None for clips of any length.

    What follows from a clip's size is said of a clip of `input_shape`, or of a typical length where that is free.
    """

    input_shape: tuple[int | None, int, int]
    map_method: str  # of the two that heat maps are drawn by, "statistics" or "gradcam", the one that is the recipe's

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
        """The size (t, h, w) of the features behind each block, in voxels: where a heat map can be taken.

        Empty where the net offers none; `map_method` and `map_source` are asked of no such net.
        """

    def map_source(self, model: "keras.Model", block: int) -> MapSource:
        """Where the heat map behind a block is taken from in a built net, fused or not. block: from 1."""

    def __str__(self) -> str:
        """A few words for the plan."""


def chosen_block(net: Net, asked: int | None = None) -> int:
    """The block to take a heat map from, its number from 1: the one asked for, or the last that is fine enough.

    Fine enough is a map of `LEAST_SIDE` voxels along each axis; where none is, the first block. In the recipe's net it
    is the last, as in the recipe; in the demo's the second of four, for the last one's (1, 2, 2) voxels tell hardly
    anything apart. Raises InputError where the net has no such block, or none at all.
    """
    shapes = net.map_shapes
    if not shapes:
        raise InputError(f"{net}: such a net offers no features to take a heat map from")
    if asked is not None and asked > len(shapes):
        raise InputError(f"the net has no block {asked}; give --block 1 to {len(shapes)}, or leave it out")
    fine = [number for number, shape in enumerate(shapes, start=1) if min(shape) >= LEAST_SIDE]
    return asked or max(fine, default=1)
