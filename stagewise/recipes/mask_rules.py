"""How probabilities of an X-ray's pixels become a mask."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

FULL_SIDE = 1024  # pixels of the competition's images, in which areas are given


class MaskRule(Protocol):
    """A mask is kept where enough pixels are very sure, and reaches as far as pixels are sure enough.

    top, bottom: probabilities; area: pixels of an image of `FULL_SIDE`, of which a net's smaller image has fewer.
    """

    @property
    def top(self) -> float:
        """Above it a pixel is very sure."""

    @property
    def area(self) -> int:
        """How many pixels must be very sure."""

    @property
    def bottom(self) -> float:
        """Above it a pixel is inside a mask that is kept."""

    def mask(self, probabilities: np.ndarray) -> np.ndarray:
        """The mask: from (H, W) float32 to (H, W) bool."""


@dataclass(frozen=True)
class Triplet:
    """The winner's rule: where less than `area` pixels lie above `top` the mask is empty, else all above `bottom`."""

    top: float
    area: int
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.bottom <= self.top <= 1 and self.area >= 0):
            raise ValueError(f"{self} is no rule: 0 <= bottom <= top <= 1, and no area is below 0")

    def mask(self, probabilities: np.ndarray) -> np.ndarray:
        """The mask: from (H, W) float32 to (H, W) bool."""
        return _mask(self, probabilities)

    def __str__(self) -> str:
        return f"triplet ({self.top:g}, {self.area}, {self.bottom:g})"


@dataclass(frozen=True)
class Doublet:
    """The triplet whose two probabilities are one; with an area of 0 it is a plain threshold."""

    score: float
    area: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.score <= 1 and self.area >= 0):
            raise ValueError(f"{self} is no rule: 0 <= score <= 1, and no area is below 0")

    @property
    def top(self) -> float:
        """The one probability."""
        return self.score

    @property
    def bottom(self) -> float:
        """The one probability."""
        return self.score

    def mask(self, probabilities: np.ndarray) -> np.ndarray:
        """The mask: from (H, W) float32 to (H, W) bool."""
        return _mask(self, probabilities)

    def __str__(self) -> str:
        return f"doublet ({self.score:g}, {self.area})" if self.area else f"threshold {self.score:g}"


def _mask(rule: MaskRule, probabilities: np.ndarray) -> np.ndarray:
    very_sure = np.count_nonzero(above(probabilities, rule.top))
    if not is_kept(very_sure, rule.area, probabilities.size):
        return np.zeros(probabilities.shape, bool)
    return above(probabilities, rule.bottom)


def above(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Where a probability exceeds the threshold, both as float32: one that equals it is out.

    A float32 of 0.3 is greater than 0.3 as Python has it, and would be in. Raises ValueError for other dtypes.
    """
    if probabilities.dtype != np.float32:
        raise ValueError(f"probabilities are float32, not {probabilities.dtype}")
    return probabilities > np.float32(threshold)


def is_kept(very_sure: np.ndarray, area: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Whether so many very sure pixels of an image of so many make up the area; of whole numbers that broadcast.

    area: in pixels of `FULL_SIDE` x `FULL_SIDE`; multiplied out, for no rounding to decide.
    """
    return np.asarray(very_sure, np.int64) * FULL_SIDE**2 >= np.asarray(area, np.int64) * pixels
