"""Test-time augmentation: the mean prediction over the eight mirror images of a clip."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

AXES = (0, 1, 2)  # of a volume (T, H, W, C)
FLIPS = tuple(axes for count in range(len(AXES) + 1) for axes in combinations(AXES, count))


def flip(batch: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Mirror every clip of a batch.

    batch: (B, T, H, W, C), any dtype. axes: of one clip, 0 to 2 for T, H, W.

    Returns: a view of the same shape and dtype; mirroring twice gives the batch back.
    """
    return np.flip(batch, axis=[axis + 1 for axis in axes])  # axis 0 of the batch counts its clips


def predict_flips(predict: Callable[[np.ndarray], np.ndarray], batch: np.ndarray) -> np.ndarray:
    """The mean of the predictions for the eight flips (every subset of T, H, W) of each clip.

    predict: from (B, T, H, W, 3) uint8 to (B, n) probabilities. batch: (B, T, H, W, 3) uint8.

    Returns: (B, n) float64; a clip's value does not depend on which flip comes first by more than rounding.
    """
    total = 0.0
    for axes in FLIPS:
        total = total + np.asarray(predict(np.ascontiguousarray(flip(batch, axes))), np.float64)
    return total / len(FLIPS)
