"""Scores of a binary classification: ROC AUC, Matthews correlation (MCC) over thresholds, the best threshold."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

THRESHOLDS = np.arange(2, 98) / 100  # 0.02 to 0.97 by 0.01: winner's values


@dataclass(frozen=True)
class BestThreshold:
    """The threshold of the highest MCC, with the bootstrap's 95 % interval of both.

    optimism: how much the MCC gains by scoring the clips that the threshold was chosen on; to be taken off.
    """

    threshold: float
    mcc: float
    threshold_interval: tuple[float, float]
    mcc_interval: tuple[float, float]
    optimism: float


def is_stalled(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """The one rule that turns probabilities into answers: stalled strictly above the threshold.

    probabilities: any shape, 0-1. Returns: the same shape, bool.
    """
    return np.asarray(probabilities) > threshold


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve. labels, probabilities: (n,). Returns NaN where a class is missing."""
    return float(roc_auc_score(labels, probabilities)) if len(np.unique(labels)) == 2 else float("nan")


def note_on_constant(probabilities: np.ndarray) -> str:
    """A note where all clips got one answer, whose MCC is 0 by definition; "" otherwise. probabilities: (n,)."""
    if np.ptp(probabilities) > 0:
        return ""
    return f"note: every clip got the same probability, {np.ravel(probabilities)[0]:.4g}, so that MCC is 0"


def confusion(labels: np.ndarray, answers: np.ndarray) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives; stalled (1) is positive."""
    labels, answers = np.asarray(labels, bool), np.asarray(answers, bool)
    pairs = ((labels, answers), (~labels, answers), (labels, ~answers), (~labels, ~answers))
    return tuple(int(np.sum(truth & answer)) for truth, answer in pairs)


def mcc_of_counts(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> np.ndarray:
    """Matthews correlation from counts of any one shape (B. W. Matthews, 1975); 0 where it is undefined."""
    tp, fp, fn, tn = (np.asarray(count, np.float64) for count in (tp, fp, fn, tn))
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    numerator = tp * tn - fp * fn
    return np.divide(numerator, np.sqrt(product), out=np.zeros_like(numerator), where=product > 0)


def intervals_between_thresholds(probabilities: np.ndarray) -> np.ndarray:
    """How many of `THRESHOLDS` each probability exceeds, strictly, 0-96. probabilities: (n,)."""
    return np.searchsorted(THRESHOLDS, probabilities, side="left")


def _counts_between_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(2, 97) rows flowing and stalled: how many probabilities exceed exactly k of the thresholds."""
    exceeded = intervals_between_thresholds(probabilities)
    return np.stack([np.bincount(exceeded[labels == k], minlength=len(THRESHOLDS) + 1) for k in (0, 1)])


def curve_of_counts(counts: np.ndarray, share: float | None = None) -> np.ndarray:
    """MCC at each of `THRESHOLDS`, (..., 96), as the clips are, or with each class weighted so that `share` is stalled.

    counts: (..., 2, 97) rows flowing and stalled: how many probabilities exceed exactly k of the thresholds.
    """
    above = np.flip(np.cumsum(np.flip(counts, -1), -1), -1)[..., 1:]  # called stalled at each threshold
    of_class = counts.sum(-1, keepdims=True)
    below = of_class - above
    if share is not None:
        weights = np.array([[1 - share], [share]]) / np.maximum(of_class, 1)  # a class without clips stays at 0
        above, below = above * weights, below * weights
    return mcc_of_counts(above[..., 1, :], above[..., 0, :], below[..., 1, :], below[..., 0, :])


def mcc_curve(labels: np.ndarray, probabilities: np.ndarray, share: float | None = None) -> np.ndarray:
    """MCC at each of `THRESHOLDS`; with a `share`, what it would be if that share of the clips were stalled.

    labels: (n,) 0 or 1; probabilities: (n,). Returns: (96,) float64.
    """
    counts = _counts_between_thresholds(np.asarray(labels), np.asarray(probabilities))
    return curve_of_counts(counts, share)


def middle_of_the_best(curve: np.ndarray) -> int:
    """Index of the middle of equally good thresholds: ours, the first one lies at a cliff's edge. curve: (96,) MCC."""
    best = np.flatnonzero(curve == curve.max())
    return int(best[len(best) // 2])


def best_threshold(
    labels: np.ndarray,
    probabilities: np.ndarray,
    seed: int = 42,
    resamples: int = 1000,
    share: float | None = None,
) -> BestThreshold:
    """The threshold with the highest MCC, and the bootstrap over rows of threshold and MCC.

    A resample of rows is a multinomial draw over the (class, interval between thresholds) cells that the
    rows fall into, so the exact bootstrap costs no pass over the rows. Optimism: the mean over resamples of the MCC
    that each one's best threshold has in it, less the MCC that this threshold has in all rows (B. Efron, 1983).
    labels: (n,) 0 or 1; probabilities: (n,). The intervals are the 2.5 and 97.5 percentiles. share: of stalled
    clips that MCC is wanted for; None: as in the rows.
    """
    counts = _counts_between_thresholds(np.asarray(labels), np.asarray(probabilities))
    curve = curve_of_counts(counts, share)
    best = middle_of_the_best(curve)
    draws = np.random.default_rng(seed).multinomial(counts.sum(), (counts / counts.sum()).ravel(), size=resamples)
    curves = curve_of_counts(draws.reshape(resamples, *counts.shape), share)
    chosen = np.array([middle_of_the_best(resampled) for resampled in curves])
    return BestThreshold(
        threshold=float(THRESHOLDS[best]),
        mcc=float(curve[best]),
        threshold_interval=tuple(np.percentile(THRESHOLDS[chosen], (2.5, 97.5)).tolist()),
        mcc_interval=tuple(np.percentile(curves.max(-1), (2.5, 97.5)).tolist()),
        optimism=float(np.mean(curves.max(-1) - curve[chosen])),
    )
