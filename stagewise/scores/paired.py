"""The paired bootstrap: how sure a difference of scores is where both are of the same clips."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stagewise.scores.score import mcc_of_counts

RESAMPLES = 1000
CENTRAL = (2.5, 97.5)  # percentiles of the resamples
Scorer = Callable[[np.ndarray], np.ndarray]  # from (n,) weights of clips to (k,) scores


def projects_of_tables(tables: Sequence[pd.DataFrame]) -> np.ndarray | None:
    """(n,) each clip's project as a number, from the first table that knows any; a clip of none is one by itself.

    tables: of the same clips, in one order, with filenames as their index.
    """
    for table in tables:
        if "project_id" in table and (table["project_id"] != "").any():
            known = table["project_id"] != ""
            names = list(zip(known, table["project_id"].where(known, table.index), strict=True))
            return pd.factorize(pd.Series(names))[0]
    return None


def paired_resamples(scorers: Sequence[Scorer], clips: int, project: np.ndarray | None, seed: int) -> np.ndarray:
    """The scores of each resample of the clips, the same one for every scorer.

    In each resample projects are drawn, and clips, and a clip counts as often as the product of both says (A. B. Owen,
    D. Eckles, Annals of Applied Statistics 6, 2012); with clips alone, alike ones would count as independent.
    project: (clips,) numbers of `projects_of_tables`. Returns: (RESAMPLES, len(scorers), k) float64.
    """
    generator, scores = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        weights = _drawn(generator, clips)
        if project is not None:
            weights = weights * _drawn(generator, int(project.max()) + 1)[project]
        scores.append([scorer(weights) for scorer in scorers])
    return np.array(scores)


def _drawn(generator: np.random.Generator, count: int) -> np.ndarray:
    """How often each of `count` was drawn in as many draws with replacement."""
    return np.bincount(generator.integers(0, count, count), minlength=count)


def interval_of(resamples: np.ndarray) -> np.ndarray:
    """(..., 2) the 95 % interval over the first axis, of those resamples that have a score."""
    return np.moveaxis(np.nanpercentile(resamples, CENTRAL, axis=0), 0, -1)


def weighted_roc_auc(stalled: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], float]:
    """A function from (n,) weights of clips to the ROC AUC; NaN where a class has no weight.

    stalled: (n,) 0 or 1; probabilities: (n,).
    """
    level = np.unique(probabilities, return_inverse=True)[1]

    def score(weights: np.ndarray) -> float:
        flowing, positive = (np.bincount(level, np.where(stalled == k, weights, 0)) for k in (0, 1))
        if not flowing.any() or not positive.any():
            return np.nan
        below = np.cumsum(flowing) - flowing / 2  # of a tie, half
        return positive @ below / (positive.sum() * flowing.sum())

    return score


def answers_scorer(stalled: np.ndarray, probabilities: np.ndarray, answers: np.ndarray) -> Scorer:
    """A function from (n,) weights of clips to (2,) ROC AUC and the MCC of given answers, (n,) bool."""
    auc = weighted_roc_auc(stalled, probabilities)
    cell = 2 * np.asarray(stalled, int) + answers  # true negatives, false positives, false negatives, true positives

    def score(weights: np.ndarray) -> np.ndarray:
        tn, fp, fn, tp = np.bincount(cell, weights, minlength=4)
        both = tn + fp > 0 and fn + tp > 0
        return np.array([auc(weights), mcc_of_counts(tp, fp, fn, tn) if both else np.nan])

    return score
