"""Rules that make one answer of several stages' probabilities, as they are once fitted to out-of-fold clips.

A fitted rule answers a clip by that clip's probabilities alone, so that a single new video gets the answer that it
would get among thousands. That is why a mean rank is taken against the out-of-fold clips and not within the test set:
ranks within a set hang on its other videos and on its share of stalled ones, which is some 30 % out of fold and
0.3 % in the full data, so that no threshold would carry over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import expit, logit

from stagewise.scores.score import is_stalled

LEAST = 1e-6  # a probability is kept this far from 0 and 1, for its log odds to stay finite


class Joint(Protocol):
    """A fitted rule. threshold: a clip is stalled above it."""

    threshold: float

    def of(self, probabilities: np.ndarray) -> np.ndarray:
        """From (n, stages) probabilities to (n,) scores of 0-1."""

    def content(self, stages: Sequence[str]) -> dict[str, Any]:
        """What it consists of, as plain values."""


@dataclass(frozen=True)
class WeightedMean:
    """weights: (stages,), of a sum of 1."""

    weights: np.ndarray
    threshold: float

    def of(self, probabilities: np.ndarray) -> np.ndarray:
        """The mean. Not a matrix product, whose last bit hangs on how many rows there are."""
        return np.clip((probabilities * self.weights).sum(axis=1), 0, 1)

    def content(self, stages: Sequence[str]) -> dict[str, Any]:
        """The weights."""
        return {"weights": _by_stage(stages, self.weights)}


@dataclass(frozen=True)
class MeanRank:
    """references: of each stage the ascending probabilities of flowing and of stalled out-of-fold clips."""

    references: tuple[tuple[np.ndarray, np.ndarray], ...]
    threshold: float

    def of(self, probabilities: np.ndarray) -> np.ndarray:
        """The mean over stages of the share of out-of-fold clips below, of equal ones half.

        Each class makes half of the share: else the threshold would lie above 0.97 where few clips are stalled.
        """
        pairs = zip(self.references, probabilities.T, strict=True)
        ranks = [np.mean([_share_below(clips, column) for clips in classes], axis=0) for classes, column in pairs]
        return np.mean(ranks, axis=0)

    def content(self, stages: Sequence[str]) -> dict[str, Any]:
        """How many clips a rank is taken against; their probabilities are in the out-of-fold tables."""
        flowing, stalled = map(len, self.references[0])
        return {"ranks_among": {"flowing": flowing, "stalled": stalled}}


@dataclass(frozen=True)
class Stacking:
    """A logistic regression on log odds. coefficients: (stages,)."""

    coefficients: np.ndarray
    intercept: float
    threshold: float

    def of(self, probabilities: np.ndarray) -> np.ndarray:
        """Its probability."""
        return expit(self.intercept + (log_odds(probabilities) * self.coefficients).sum(axis=1))

    def content(self, stages: Sequence[str]) -> dict[str, Any]:
        """The coefficients of the stages' log odds."""
        return {"coefficients": _by_stage(stages, self.coefficients), "intercept": self.intercept}


@dataclass(frozen=True)
class Votes:
    """thresholds: (stages,) each stage's own; needed: how many stages must say stalled."""

    thresholds: np.ndarray
    needed: int

    @property
    def threshold(self) -> float:
        """Between the shares of one vote too few and of enough."""
        return (self.needed - 0.5) / len(self.thresholds)

    def of(self, probabilities: np.ndarray) -> np.ndarray:
        """The share of stages that say stalled."""
        return is_stalled(probabilities, self.thresholds).mean(axis=1)

    def content(self, stages: Sequence[str]) -> dict[str, Any]:
        """The thresholds."""
        return {"needed": self.needed, "thresholds": _by_stage(stages, self.thresholds)}


def _share_below(clips: np.ndarray, values: np.ndarray) -> np.ndarray:
    return sum(np.searchsorted(clips, values, side) for side in ("left", "right")) / (2 * len(clips))


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Finite log odds of probabilities of any shape."""
    return logit(np.clip(probabilities, LEAST, 1 - LEAST))


def _by_stage(stages: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return dict(zip(stages, map(float, values), strict=True))
