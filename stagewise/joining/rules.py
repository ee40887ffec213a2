"""The ways to join several stages, and how each is fitted to out-of-fold clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from sklearn.linear_model import LogisticRegression

from stagewise.joining.joints import Joint, MeanRank, Stacking, Votes, WeightedMean, log_odds
from stagewise.scores.paired import weighted_roc_auc
from stagewise.scores.score import THRESHOLDS, mcc_curve, middle_of_the_best

GRID = 300  # mixtures of a weighted mean that are tried, at most
FINEST = 20  # parts of a weight

Fit = Callable[[np.ndarray, np.ndarray], Joint]  # from (n,) labels, 0 or 1, and (n, stages) probabilities


@dataclass(frozen=True)
class Rule:
    """A way to join. name: what --method calls it; fit: makes a `Joint` of it; learns: whether from clips."""

    name: str
    fit: Fit
    learns: bool = True


def single_stages(stages: Sequence[str]) -> list[Rule]:
    """A rule a stage, of its probabilities alone."""
    return [Rule(stage, _fit_fixed(weights)) for stage, weights in zip(stages, np.eye(len(stages)), strict=True)]


def joining_rules(stages: int) -> list[Rule]:
    """The ways to join so many stages, the simplest first, by how much is fitted to the out-of-fold clips.

    The mean: nothing but the threshold. Ranks: against all clips, but nothing is chosen. Votes: a threshold a stage,
    the majority first, then what lies farther from it. A weighted mean: a weight a stage. Stacking: a coefficient of
    any size a stage, and an intercept.
    """
    majority = stages // 2 + 1
    needed = sorted(range(1, stages + 1), key=lambda votes: (abs(votes - majority), -votes))
    return [
        Rule("mean", _fit_fixed(np.full(stages, 1 / stages))),
        Rule("ranks", fit_ranks),
        *(Rule(f"{votes}-of-{stages}", _fit_votes(votes)) for votes in needed),
        Rule("weighted", fit_weighted_mean),
        Rule("stacking", fit_stacking),
    ]


def winners_vote(thresholds: Sequence[float]) -> Rule:
    """The majority of stages at given thresholds, a clip at them being stalled, too; nothing is fitted."""
    just_below = np.nextafter(np.asarray(thresholds, float), 0)
    return Rule("winner", lambda labels, probabilities: Votes(just_below, len(thresholds) // 2 + 1), learns=False)


def _fit_fixed(weights: np.ndarray) -> Fit:
    def fit(labels: np.ndarray, probabilities: np.ndarray) -> WeightedMean:
        return WeightedMean(weights, _best(labels, WeightedMean(weights, 0).of(probabilities)))

    return fit


def fit_ranks(labels: np.ndarray, probabilities: np.ndarray) -> MeanRank:
    """Ranks against these clips."""
    classes = [np.sort(probabilities[labels == k], axis=0).T for k in (0, 1)]
    references = tuple(zip(*classes, strict=True))
    return MeanRank(references, _best(labels, MeanRank(references, 0).of(probabilities)))


def _fit_votes(needed: int) -> Fit:
    def fit(labels: np.ndarray, probabilities: np.ndarray) -> Votes:
        return Votes(np.array([_best(labels, column) for column in probabilities.T]), needed)

    return fit


def fit_weighted_mean(labels: np.ndarray, probabilities: np.ndarray) -> WeightedMean:
    """The weights of the highest ROC AUC on a grid of mixtures; of equally good ones their mean, or what is next to it.

    The mean of two good mixtures is no good one where the mixtures between them are worse.
    """
    everyone = np.ones(len(labels))

    def score(weights: np.ndarray) -> float:  # 9 decimals: sums in another order end otherwise
        return round(weighted_roc_auc(labels, WeightedMean(weights, 0).of(probabilities))(everyone), 9)

    mixtures = _mixtures(probabilities.shape[1])
    scores = np.array([score(weights) for weights in mixtures])
    best = mixtures[scores == scores.max()]
    middle = best.mean(axis=0)
    if score(middle) < scores.max():
        middle = best[np.square(best - middle).sum(axis=1).argmin()]
    return _fit_fixed(middle)(labels, probabilities)


def fit_stacking(labels: np.ndarray, probabilities: np.ndarray) -> Stacking:
    """A logistic regression in which both classes weigh the same.

    Else the intercept would follow the share of stalled clips, and the scores of two folds could not be compared.
    """
    seen = log_odds(probabilities)
    fitted = LogisticRegression(class_weight="balanced", solver="newton-cholesky", tol=1e-8).fit(seen, labels)
    joint = Stacking(fitted.coef_[0], float(fitted.intercept_[0]), 0)
    return replace(joint, threshold=_best(labels, joint.of(probabilities)))


def _best(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold of the highest MCC, as r41 chooses it."""
    return float(THRESHOLDS[middle_of_the_best(mcc_curve(labels, scores))])


def _mixtures(stages: int) -> np.ndarray:
    """(m, stages) all weights of whole parts, as fine as `GRID` allows, and equal ones."""
    parts = max(p for p in range(1, FINEST + 1) if p == 1 or comb(p + stages - 1, stages - 1) <= GRID)
    bars = combinations(range(parts + stages - 1), stages - 1)
    counts = [np.diff((-1, *bar, parts + stages - 1)) - 1 for bar in bars]
    return np.concatenate([np.array(counts) / parts, np.full((1, stages), 1 / stages)])
