"""What is kept of probabilities of many X-rays: pixels above thresholds, from which any rule's Dice follows exactly.

An image of 1024x1024 is 4 MB of probabilities, and 40 numbers here.
"""

from dataclasses import dataclass

import numpy as np

from stagewise.recipes.mask_rules import MaskRule, is_kept
from stagewise.scores.dice import dice_of_counts

GRID = tuple((np.arange(1, 20) / 20).tolist())  # 0.05 to 0.95, all that the winner used among them


@dataclass(frozen=True)
class MaskCounts:
    """Counts of n images, int64 each.

    grid: (g,) thresholds, ascending; pixels: (n,) of the image at the net's size; truth: (n,) of the true mask; above:
    (n, g) whose probability exceeds each threshold; common: (n, g) of those, inside the true mask.
    """

    grid: tuple[float, ...]
    pixels: np.ndarray
    truth: np.ndarray
    above: np.ndarray
    common: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def rows(self, chosen: np.ndarray) -> "MaskCounts":
        """Those of some images. chosen: what indexes (n,) arrays."""
        of_images = (self.pixels, self.truth, self.above, self.common)
        return MaskCounts(self.grid, *(values[chosen] for values in of_images))

    @property
    def positive(self) -> np.ndarray:
        """(n,) bool: whether there is a pneumothorax."""
        return self.truth > 0


def count_image(probabilities: np.ndarray, truth: np.ndarray, grid: tuple[float, ...] = GRID) -> MaskCounts:
    """The counts of one image. probabilities: (H, W) float32, 0-1; truth: (H, W) bool, or 0 alone is outside.

    Raises ValueError for other dtypes, shapes and values.
    """
    inside = np.not_equal(truth, 0)
    if probabilities.dtype != np.float32 or probabilities.shape != inside.shape or probabilities.ndim != 2:
        raise ValueError(
            f"probabilities {probabilities.dtype} {probabilities.shape} do not lie on a mask of {inside.shape}"
        )
    if not (probabilities.min() >= 0 and probabilities.max() <= 1):  # as none is NaN
        raise ValueError("probabilities are not all of 0-1")
    above = [_counts_above(values, grid)[None] for values in (probabilities, probabilities[inside])]
    sizes = (np.array([size], np.int64) for size in (inside.size, np.count_nonzero(inside)))
    return MaskCounts(grid, *sizes, *above)


def _counts_above(values: np.ndarray, grid: tuple[float, ...]) -> np.ndarray:
    """(g,) how many values exceed each threshold, both as float32."""
    thresholds = np.array(grid, np.float32)
    values = values[values > thresholds[0]]  # a few of a million
    exceeded = np.searchsorted(thresholds, values, side="left")  # how many thresholds lie below
    of_each = np.bincount(exceeded, minlength=len(grid) + 1)
    return np.cumsum(of_each[::-1])[::-1][1:]


def joined(counts: list[MaskCounts]) -> MaskCounts:
    """Counts of one grid as one table. Raises ValueError where there are none, or of several grids."""
    if len({each.grid for each in counts}) != 1:
        raise ValueError("counts of one grid are needed")
    names = ("pixels", "truth", "above", "common")
    return MaskCounts(counts[0].grid, *(np.concatenate([getattr(each, name) for each in counts]) for name in names))


def dice_of(counts: MaskCounts, rule: MaskRule) -> np.ndarray:
    """(n,) Dice of each image's mask by the rule, as if it were made of the pixels.

    Raises ValueError where a probability of the rule is not on the grid.
    """
    top, bottom = (place_of(threshold, counts.grid) for threshold in (rule.top, rule.bottom))
    kept = is_kept(counts.above[:, top], rule.area, counts.pixels)
    return dice_of_counts(counts.truth, counts.above[:, bottom] * kept, counts.common[:, bottom] * kept)


def place_of(threshold: float, grid: tuple[float, ...]) -> int:
    """The threshold's number on the grid."""
    found = np.flatnonzero(np.array(grid, np.float32) == np.float32(threshold))
    if not found.size:
        raise ValueError(f"{threshold:g} is not among the counted thresholds {', '.join(f'{t:g}' for t in grid)}")
    return int(found[0])
