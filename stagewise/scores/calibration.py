"""Calibration: of the clips that got a probability of about 0.8, are about 80 % stalled?"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reliability:
    """Clips sorted into bins of equal width by their probability; a bin ends with its upper edge.

    edges: (bins + 1,) from 0 to 1; counts: (bins,) clips; mean_probability, share_stalled: (bins,), NaN where a bin is
    empty.
    """

    edges: np.ndarray
    counts: np.ndarray
    mean_probability: np.ndarray
    share_stalled: np.ndarray

    @property
    def expected_calibration_error(self) -> float:
        """The mean distance of share and probability, a bin weighted by its clips.

        M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; bins of equal width as in C. Guo, G. Pleiss, Y. Sun,
        K. Q. Weinberger, ICML 2017, of the probability of one class.
        """
        return float(np.nansum(self.counts * np.abs(self.share_stalled - self.mean_probability)) / self.counts.sum())


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> Reliability:
    """Sort clips into bins. labels: (n,) 0 or 1; probabilities: (n,) 0-1.

    Raises ValueError where there is no clip, or a probability is outside 0-1.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    if not len(probabilities) or not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("calibration needs a clip at least, and every probability from 0 to 1")
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], probabilities, side="left")
    counts, probability, stalled = (
        np.bincount(bin_of, weights, minlength=bins) for weights in (None, probabilities, labels)
    )
    with np.errstate(invalid="ignore"):
        return Reliability(edges, counts, probability / counts, stalled / counts)


def chance_calibration_error(
    probabilities: np.ndarray, bins: int = 10, seed: int = 42, draws: int = 1000
) -> tuple[float, float]:
    """Mean and 95th percentile of the error that perfectly calibrated probabilities show on so many clips.

    Labels are drawn from the probabilities (J. Bröcker, L. A. Smith, Weather and Forecasting 22, 2007): with few clips
    a bin, the error is above zero by chance alone. probabilities: (n,) 0-1.
    """
    generator, probabilities = np.random.default_rng(seed), np.asarray(probabilities, np.float64)
    errors = [
        reliability(
            generator.random(len(probabilities)) < probabilities, probabilities, bins
        ).expected_calibration_error
        for _ in range(draws)
    ]
    return float(np.mean(errors)), float(np.percentile(errors, 95))


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean squared difference of probability and label (G. W. Brier, 1950); 0 is best. Both: (n,)."""
    return float(np.mean((np.asarray(probabilities) - np.asarray(labels)) ** 2))
