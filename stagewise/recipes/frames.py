"""Which frames of a clip a net sees, and at which size."""

from dataclasses import dataclass
from typing import Protocol

from stagewise.augment import Resize


class Frames(Protocol):
    """From a volume to the net's input."""

    def resize(self, input_shape: tuple[int, int, int]) -> Resize:
        """What is done to a volume (T, h, w, 3) uint8 before a net of this input, (T, H, W), but for augmentation."""


@dataclass(frozen=True)
class WholeClip:
    """The whole clip, resized along all three axes to the net's input."""

    def resize(self, input_shape: tuple[int, int, int]) -> Resize:
        """To the net's input."""
        return Resize(input_shape)
