"""Giveaways: how much of the label the clips' sizes and grey level tell by themselves, and a net could learn from them.

The second winner found that a boosting on width and height of the crop alone reaches an MCC of 0.16 on the
competition's clips. What it reaches here is compared with what it reaches by chance: on the same labels, with the sizes
shuffled among the clips.

Clips of one project are recorded, and outlined, by one lab's habits, and projects differ in their share of stalled
clips; a few projects so different would look like a giveaway of sizes, though they are one of projects, which r41 and
r53 tell of. So a project shares a fold, and sizes are shuffled within projects, where enough clips share a project with
the other class: what is found then holds from one project to another, and is more than habits make it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from stagewise.data.tables import CLASSES
from stagewise.scores.score import THRESHOLDS, confusion, is_stalled, mcc_curve, mcc_of_counts, middle_of_the_best

MEASURES = ("width", "height", "frames", "grey_level")
SEED, FOLDS = 42, 5
FEWEST = 20  # clips of a class: with fewer, chance alone reaches an MCC of 0.5
MOST = 4000  # clips: a fit is then as fast as on 400, and chance no further than 0.04
SHUFFLES = 40  # with 5 folds 205 fits of 15 ms
SPREAD = 2.58  # standard deviations on either side that hold 99 % of a normal distribution
TOLD_BY_SECOND_WINNER = 0.16

Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Giveaway:
    """What the measures tell of the label.

    mcc: mean over the folds; chance: the interval that 99 % of shuffles are in; alone: the MCC of each measure by
    itself, only where `mcc` is above chance.
    """

    mcc: float
    chance: tuple[float, float]
    alone: dict[str, float]
    by_project: bool

    @property
    def found(self) -> bool:
        """Whether the measures tell more than chance does."""
        return self.mcc > self.chance[1]


def giveaway_notes(table: pd.DataFrame, seed: int = SEED) -> list[str]:
    """What r02 says of these clips: always a line, and a warning where the measures tell more than chance.

    table: a row a clip: stalled (0 or 1), `MEASURES`, and project_id, "" where unknown, or no such column.
    """
    counts = [int((table["stalled"] == value).sum()) for value in CLASSES]
    if min(counts) < FEWEST:
        return [f"sizes and grey level alone: left out, {_told(table)} are too few; it takes {FEWEST} of each class"]
    drawn = _draw(table, seed)
    result = find_giveaway(drawn, seed)
    few = f", of {len(table)} drawn by seed {seed}" if len(drawn) < len(table) else ""
    how = "projects kept apart" if result.by_project else "folds by chance"
    low, high = result.chance
    found = f"MCC {result.mcc:.2f} (chance: {low:.2f} to {high:.2f})"
    line = f"sizes and grey level alone: {found}, {_told(drawn)}{few}, {how}"
    return [line, _warning(drawn, result)] if result.found else [line]


def find_giveaway(table: pd.DataFrame, seed: int = SEED) -> Giveaway:
    """Cross-validate a boosting on the measures, as they are and shuffled; the same result for the same table and seed.

    table: as for `giveaway_notes`, with `FEWEST` clips of each class at least, and at most `MOST` to be fast.
    """
    generator = np.random.default_rng(seed)
    measures, labels = table[list(MEASURES)].to_numpy(np.float64), table["stalled"].to_numpy()
    folds, groups = _folds(labels, _projects(table), seed)
    with threadpool_limits(1, user_api="openmp"):  # a fit is too short for threads: two take ten times as long
        mcc = _cross_validated(measures, labels, folds)
        shuffled = [_cross_validated(measures[_shuffled(groups, generator)], labels, folds) for _ in range(SHUFFLES)]
        middle, width = float(np.mean(shuffled)), SPREAD * float(np.std(shuffled, ddof=1))
        result = Giveaway(mcc, (middle - width, middle + width), {}, bool(np.any(groups)))
        if result.found:
            for column, name in enumerate(MEASURES):
                result.alone[name] = _cross_validated(measures[:, [column]], labels, folds)
    return result


def _draw(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """At most `MOST` clips, half of each class as far as there are: of 573,048 real ones 1,887 are stalled."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(np.flatnonzero(table["stalled"] == value)) for value in CLASSES]
    most = [max(MOST // 2, MOST - len(other)) for other in rows[::-1]]
    return table.iloc[np.sort(np.concatenate([of_class[:count] for of_class, count in zip(rows, most, strict=True)]))]


def _projects(table: pd.DataFrame) -> np.ndarray:
    """(n,) int: the number of each clip's project, all 0 where none is known."""
    return table.groupby("project_id").ngroup().to_numpy() if "project_id" in table else np.zeros(len(table), np.int64)


def _folds(labels: np.ndarray, projects: np.ndarray, seed: int) -> tuple[Folds, np.ndarray]:
    """Training and held-out rows, and the groups within which measures are shuffled: projects, or one of all clips."""
    stalled = np.bincount(projects, labels)
    flowing = np.bincount(projects) - stalled
    if len(stalled) > 1 and np.minimum(stalled, flowing).sum() >= FEWEST:  # else a shuffle hardly changes anything
        splitter = StratifiedGroupKFold(min(FOLDS, len(stalled)), shuffle=True, random_state=seed)
        folds = [fold for fold in splitter.split(labels, labels, projects) if _has_both(labels, fold)]
        if len(folds) > 1:
            return folds, projects
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels)
    return list(folds), np.zeros_like(projects)


def _has_both(labels: np.ndarray, fold: Sequence[np.ndarray]) -> bool:
    return all(0 < labels[rows].sum() < len(rows) for rows in fold)


def _shuffled(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(n,) rows in an order by chance that leaves each group's rows in its places. groups: (n,)."""
    rows = np.empty(len(groups), np.int64)
    rows[np.argsort(groups, kind="stable")] = np.lexsort((generator.random(len(groups)), groups))
    return rows


def _cross_validated(measures: np.ndarray, labels: np.ndarray, folds: Folds) -> float:
    """Mean MCC over the folds, at the threshold that is best on each training part. measures: (n, m); labels: (n,)."""
    return float(np.mean([_held_out_mcc(measures, labels, *fold) for fold in folds]))


def _held_out_mcc(measures: np.ndarray, labels: np.ndarray, trained: np.ndarray, held_out: np.ndarray) -> float:
    boosting = HistGradientBoostingClassifier(
        max_iter=20,
        learning_rate=0.2,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        early_stopping=False,
        random_state=SEED,
    ).fit(measures[trained], labels[trained])
    # as if half of the clips were stalled, so that probabilities lie among the thresholds, however few are
    even = logit(labels[trained].mean())
    probabilities = expit(boosting.decision_function(measures) - even)
    best = middle_of_the_best(mcc_curve(labels[trained], probabilities[trained]))
    answers = is_stalled(probabilities[held_out], THRESHOLDS[best])
    return float(mcc_of_counts(*confusion(labels[held_out], answers)))


def _told(table: pd.DataFrame) -> str:
    stalled = int(table["stalled"].sum())
    return f"{stalled} stalled and {len(table) - stalled} flowing clips"


def _warning(table: pd.DataFrame, result: Giveaway) -> str:
    most = max(result.alone, key=result.alone.get)
    stalled, flowing = (table.loc[table["stalled"] == value, most].median() for value in (1, 0))
    return (
        "warning: sizes or grey level give answers away, which a net can learn in place of the flow; most "
        f"{most.replace('_', ' ')}: MCC {result.alone[most]:.2f} alone, median {stalled:.4g} of stalled and "
        f"{flowing:.4g} of flowing clips; look whether both classes were recorded, cut and outlined alike (on the "
        f"competition's clips the second winner reached {TOLD_BY_SECOND_WINNER})"
    )
