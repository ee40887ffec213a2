"""Which images' answers are to be looked at: the worst ones, and those that a net is least sure of."""

import numpy as np

from stagewise.recipes.mask_rules import FULL_SIDE
from stagewise.scores.mask_counts import MaskCounts

SURELY, MAYBE = 0.8, 0.2  # probabilities above which a pixel is surely, and may be, inside
FORGIVEN = 1000  # pixels of 1024x1024: a doubt about so few is none, and masks of so few are seldom kept


def worst_first(dice: np.ndarray) -> np.ndarray:
    """Rows by their Dice, the lowest first; of equal ones the first. dice: (n,)."""
    return np.argsort(dice, kind="stable")


def sureness(counts: MaskCounts) -> np.ndarray:
    """(n,) 0-1, how alike the masks above a high and above a low probability are, which needs no true mask.

    It is their Dice, one lying inside the other, as if both had `FORGIVEN` pixels more: faint spots do not count as
    doubts, and an image without any pixel in doubt has 1.
    """
    surely, maybe = (counts.above[:, _nearest(counts.grid, threshold)] for threshold in (SURELY, MAYBE))
    more = FORGIVEN * counts.pixels / FULL_SIDE**2
    return (2 * surely + 2 * more) / (surely + maybe + 2 * more)


def _nearest(grid: tuple[float, ...], threshold: float) -> int:
    return int(np.argmin(np.abs(np.array(grid) - threshold)))
