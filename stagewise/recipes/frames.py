"""Which frames of a clip a net sees, at which size, and how clips of several lengths make one batch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stagewise.augment import Channel, Resize, ResizePlanes, Transform

InputShape = tuple[int | None, int, int]  # of a net: (T, H, W), frames and pixels
ImageShape = tuple[int, int]  # of a net of images: (H, W), pixels


@dataclass(frozen=True)
class Prepared:
    """How a volume becomes the clip that a net sees, but for augmentation.

    transforms: what is done to it, in this order; largest: (T, H, W, C) of a clip that batches have
    room for, or (H, W, 2) of an image with its mask; lengths: what clips are padded to, in frames, ascending; none
    where all clips have one length.
    """

    transforms: tuple[Transform, ...]
    largest: tuple[int, ...]
    lengths: tuple[int, ...] = ()

    def sized(self, volume: np.ndarray) -> np.ndarray:
        """A volume (T, h, w, 3) as the net sees it, but for black frames behind its last one."""
        for transform in self.transforms:
            volume = transform.apply(volume, transform.draw(np.random.default_rng(0), volume.shape))
        return volume

    def apply(self, volume: np.ndarray) -> np.ndarray:
        """A volume (T, h, w, 3) as the net sees it, black frames up to its length behind its last one."""
        return self.filled(self.sized(volume))

    def filled(self, volume: np.ndarray) -> np.ndarray:
        """A volume that has its size, with black frames up to its length behind its last one."""
        clip = np.zeros((padded(len(volume), self.lengths), *volume.shape[1:]), volume.dtype)
        clip[: len(volume)] = volume
        return clip


def padded(frames: int, lengths: tuple[int, ...]) -> int:
    """How long a clip of so many frames is made: the next of the lengths, or the next multiple of the last one.

    As it is where there are no lengths.
    """
    if not lengths:
        return frames
    return next((length for length in lengths if frames <= length), -(-frames // lengths[-1]) * lengths[-1])


class Frames(Protocol):
    """From a volume to the net's input."""

    def prepared(self, input_shape: InputShape) -> Prepared:
        """What is done to a volume (T, h, w, 3) uint8 before a net of this input, but for augmentation."""


@dataclass(frozen=True)
class WholeClip:
    """The whole clip, resized along all three axes to the net's input."""

    def prepared(self, input_shape: InputShape) -> Prepared:
        """To the net's input."""
        return Prepared((Resize(input_shape),), (*input_shape, 3))


@dataclass(frozen=True)
class ColourFrames:
    """Every frame of the clip, in colour, by area at the net's height and width; never padded, so one clip a batch.

    room: frames that batches have room for; a longer clip takes longer to come, and is whole, too.
    """

    room: int

    def prepared(self, input_shape: InputShape) -> Prepared:
        """To the net's height and width."""
        _, height, width = input_shape
        return Prepared((ResizePlanes((height, width), "area"),), (self.room, height, width, 3))


@dataclass(frozen=True)
class EveryFrame:
    """Every frame of the clip, one channel of it, at the net's height and width; its own length.

    channel: 0 blue, 1 green, 2 red; lengths: of `Prepared`. A clip that is answered is padded with black frames behind
    its last one to the next of them, so that its answer does not hang on its neighbours' lengths; a batch that is
    trained on to its longest clip, or to the next length above it where each shape is compiled for long.
    """

    channel: int
    lengths: tuple[int, ...]

    def prepared(self, input_shape: InputShape) -> Prepared:
        """To the net's height and width; the longest of the lengths is what batches have room for."""
        _, height, width = input_shape
        transforms = (Channel(self.channel), ResizePlanes((height, width)))
        return Prepared(transforms, (self.lengths[-1], height, width, 1), self.lengths)


@dataclass(frozen=True)
class WholeImage:
    """A grey image at the net's size, and its mask beside it."""

    def prepared(self, input_shape: ImageShape) -> Prepared:
        """To the net's height and width; of two channels, image and mask."""
        return Prepared((ResizePlanes(input_shape),), (*input_shape, 2))
