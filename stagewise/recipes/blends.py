"""Several nets' probabilities of an X-ray as one."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from stagewise.recipes.mask_rules import MaskRule


@dataclass(frozen=True)
class Blend:
    """A weighted mean of experiments' probabilities, and what becomes of it.

    weights: by experiment, of a sum of 1; rule: makes a mask of the mean; least_outline: outlines of an area of at most
    so many pixels of `mask_rules.FULL_SIDE` are removed, None: none are.
    """

    weights: Mapping[str, float]
    rule: MaskRule
    least_outline: int | None = None

    def __post_init__(self) -> None:
        total = math.fsum(self.weights.values())
        if not math.isclose(total, 1, abs_tol=1e-9) or min(self.weights.values()) <= 0:
            raise ValueError(f"weights are above 0 and of a sum of 1, not {dict(self.weights)} (sum {total:g})")

    def of(self, probabilities: Mapping[str, np.ndarray]) -> np.ndarray:
        """The mean. probabilities: by experiment, (H, W) float32 of one shape. Returns: (H, W) float32.

        Raises ValueError unless the parts are those of the weights.
        """
        if probabilities.keys() != self.weights.keys():
            raise ValueError(f"a blend of {', '.join(self.weights)} cannot be made of {', '.join(probabilities)}")
        shapes = {part.shape for part in probabilities.values()}
        if len(shapes) > 1:
            raise ValueError(f"probabilities of several shapes cannot be blended: {shapes}")
        mean = np.zeros(shapes.pop(), np.float32)
        for experiment, weight in self.weights.items():
            mean += np.float32(weight) * probabilities[experiment]
        return np.minimum(mean, np.float32(1))  # the last bit of a sum of ones


def running_mean(answers: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of arrays of one shape, of which no more than one is held beside it; float32.

    Raises ValueError where there are none.
    """
    mean = None
    for number, answer in enumerate(answers, start=1):
        if mean is None:
            mean = np.array(answer, np.float32)
        else:
            mean += (answer - mean) / np.float32(number)
    if mean is None:
        raise ValueError("there is no mean of no arrays")
    return mean
