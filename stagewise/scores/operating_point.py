"""The scores of a threshold at any share of stalled clips, with intervals that know how few clips were counted."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from stagewise.scores.score import confusion, is_stalled, mcc_of_counts

CENTRAL = (0.025, 0.975)
NODES = (np.arange(200) + 0.5) / 200  # quantiles of each of two distributions; 400 move no limit by more than 1e-3
SCORES = ("mcc", "precision", "sensitivity", "specificity")
Interval = tuple[float, float]


@dataclass(frozen=True)
class OperatingPoint:
    """Scores of a threshold where `share` of the clips are stalled, each with its 95 % interval; NaN: undefined.

    precision: of those called stalled, how many are (positive predictive value); sensitivity: of the stalled, how
    many are called so (recall); specificity: of the flowing, how many are called so.
    """

    share: float
    threshold: float
    mcc: float
    mcc_interval: Interval
    precision: float
    precision_interval: Interval
    sensitivity: float
    sensitivity_interval: Interval
    specificity: float
    specificity_interval: Interval


def operating_point(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, share: float | None = None
) -> OperatingPoint:
    """The scores of answering "stalled" above the threshold.

    Sensitivity and specificity do not depend on how many clips of each class there are; precision and MCC follow from
    them and the share. So do the intervals: sensitivity and specificity have Jeffreys posteriors, Beta(k + 1/2,
    n - k + 1/2) (L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16, 2001), which do not collapse where no
    mistake was counted, as resamples do. Clips count as independent.
    labels: (n,) 0 or 1; probabilities: (n,); share: of stalled clips, that of the labels where none is given.
    """
    tp, fp, fn, tn = confusion(labels, is_stalled(probabilities, threshold))
    share = (tp + fn) / (tp + fp + fn + tn) if share is None else share
    values = _scores(_share(tp, fn), _share(tn, fp), share)
    spread = _scores(_posterior(tp, fn, NODES)[:, None], _posterior(tn, fp, NODES)[None, :], share)
    intervals = [np.quantile(score, CENTRAL) for score in spread[:2]]
    intervals += [jeffreys_interval(tp, fn), jeffreys_interval(tn, fp)]
    scores = {}
    for name, value, (low, high) in zip(SCORES, values, intervals, strict=True):
        interval = (min(value, low), max(value, high)) if np.isfinite(value) else (np.nan, np.nan)
        scores |= {name: float(value), f"{name}_interval": tuple(map(float, interval))}
    return OperatingPoint(share=share, threshold=threshold, **scores)


def jeffreys_interval(hits: int, misses: int) -> Interval:
    """The 95 % interval of a share of which `hits` of hits + misses were counted, open to 0 or 1 where all or none."""
    low, high = _posterior(hits, misses, np.array(CENTRAL))
    return (float(low) if hits else 0.0, float(high) if misses else 1.0)


def _share(hits: int, misses: int) -> float:
    return hits / (hits + misses) if hits + misses else np.nan


def _posterior(hits: int, misses: int, quantiles: np.ndarray) -> np.ndarray:
    return betaincinv(hits + 0.5, misses + 0.5, quantiles)


def _scores(sensitivity: np.ndarray, specificity: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    """MCC, precision, sensitivity, specificity, of arrays that broadcast; NaN where undefined."""
    tp, fp = share * sensitivity, (1 - share) * (1 - specificity)
    fn, tn = share - tp, 1 - share - fp
    mcc = np.where(np.isfinite(tp + fp), mcc_of_counts(tp, fp, fn, tn), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return mcc, np.divide(tp, tp + fp), sensitivity, specificity
