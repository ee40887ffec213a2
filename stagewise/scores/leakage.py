"""Leakage: how much better a split scores with clips of a project in several folds than one that keeps them apart."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.scores.paired import Scorer, interval_of, paired_resamples, projects_of_tables, weighted_roc_auc
from stagewise.scores.score import THRESHOLDS, curve_of_counts, intervals_between_thresholds

SCORES = ("ROC AUC", "MCC")


@dataclass(frozen=True)
class Comparison:
    """Two splits' out-of-fold answers to the clips that are in both tables.

    files: of the tables; clips, stalled: counts; projects: 0 where they are not known. seen: of each table, the share
    of clips whose project its other folds hold too, NaN where not known. scores: (2, 2) `SCORES` of each table;
    difference: (2,) the first's less the second's; interval: (2, 2) 95 % of resamples of it.
    """

    files: tuple[str, str]
    clips: int
    stalled: int
    projects: int
    seen: tuple[float, float]
    scores: np.ndarray
    difference: np.ndarray
    interval: np.ndarray

    def __str__(self) -> str:
        projects = f" of {self.projects} projects" if self.projects else ""
        units = "projects and clips" if self.projects else "clips"
        lines = [f"{self.clips} clips{projects} are in both tables, {self.stalled} of them stalled"]
        for file, seen, (auc, mcc) in zip(self.files, self.seen, self.scores, strict=True):
            lines.append(f"  ROC AUC {auc:.4f}, best MCC {mcc:.4f}: {file}, {_kept(seen)}")
        differences = (
            f"{name} {difference:+.4f} ({low:+.4f} to {high:+.4f})"
            for name, difference, (low, high) in zip(SCORES, self.difference, self.interval, strict=True)
        )
        lines.append(f"difference, with 95 % of resamples of {units}: {', '.join(differences)}")
        return "\n".join([*lines, self.verdict()])

    def verdict(self) -> str:
        """What follows for the splits, judged by ROC AUC, which needs no threshold."""
        apart = [seen == 0 for seen in self.seen]
        if np.isnan(self.seen).any():
            file = self.files[int(np.isnan(self.seen).argmax())]
            return (
                f"nothing follows about leakage, since {file} does not say of every clip whether its project was seen "
                "(column project_seen); run r41 again on its split"
            )
        if apart[0] == apart[1]:
            which = "both splits keep projects apart" if apart[0] else "neither split keeps projects apart"
            return f"nothing follows about leakage, since {which}"
        sign = 1 if apart[1] else -1
        gap, (low, high) = sign * self.difference[0], sorted(sign * self.interval[0])
        if low > 0:
            return (
                f"leakage: the split of {self.files[apart[0]]} has projects in several folds and scores {gap:.3f} "
                f"({low:.3f} to {high:.3f}) higher in ROC AUC. Clips of a project are alike, so its figure is too good "
                "for new projects; believe the other table. (Two trainings differ by chance, too, which resamples of "
                "clips do not know.)"
            )
        return (
            f"no leakage is seen: the split of {self.files[apart[0]]} has projects in several folds, and its ROC AUC "
            f"is {gap:+.3f} ({low:+.3f} to {high:+.3f}) from that of the other"
        )


def compare_splits(files: tuple[Path, Path], tables: tuple[pd.DataFrame, pd.DataFrame], seed: int) -> Comparison:
    """Score both tables of `read_oof_table` on the clips that they share.

    The interval is that of `paired_resamples`, of projects and clips. Raises InputError where the tables do not fit.
    """
    shown = tuple(paths.shown(path) for path in files)
    first, second = (table.set_index("filename") for table in tables)
    names = first.index[first.index.isin(second.index)]
    first, second = first.loc[names], second.loc[names]
    unlike = names[(first["stalled"] != second["stalled"]).to_numpy()]
    mend = "give the out-of-fold table of another split of the same clips"
    if len(unlike):
        raise InputError(f"{shown[0]} and {shown[1]} contradict each other about {unlike[0]}; {mend}")
    stalled = first["stalled"].to_numpy()
    if not 0 < stalled.sum() < len(stalled):
        raise InputError(
            f"{shown[0]} and {shown[1]} share {len(names)} clips, {stalled.sum()} stalled: too few; {mend}"
        )
    project = projects_of_tables((first, second))
    scorers = [scorer(stalled, table["probability"].to_numpy()) for table in (first, second)]
    scores = np.array([score(np.ones(len(names))) for score in scorers])
    resamples = paired_resamples(scorers, len(names), project, seed)
    return Comparison(
        files=shown,
        clips=len(names),
        stalled=int(stalled.sum()),
        projects=0 if project is None else int(project.max()) + 1,
        seen=tuple(_seen(table) for table in (first, second)),
        scores=scores,
        difference=scores[0] - scores[1],
        interval=interval_of(resamples[:, 0] - resamples[:, 1]),
    )


def _kept(seen: float) -> str:
    if np.isnan(seen):
        return "its projects not known"
    return f"{seen:.0%} of clips of projects in several folds" if seen else "projects kept apart"


def _seen(table: pd.DataFrame) -> float:
    return float(table["project_seen"].mean()) if "project_seen" in table else float("nan")


def scorer(stalled: np.ndarray, probabilities: np.ndarray) -> Scorer:
    """A function from (n,) weights of clips to (2,) `SCORES`; NaN where a class has no weight."""
    roc_auc, interval = weighted_roc_auc(stalled, probabilities), intervals_between_thresholds(probabilities)

    def score(weights: np.ndarray) -> np.ndarray:
        auc = roc_auc(weights)
        parts = (np.where(stalled == k, weights, 0) for k in (0, 1))
        counts = np.stack([np.bincount(interval, part, minlength=len(THRESHOLDS) + 1) for part in parts])
        return np.array([auc, np.nan if np.isnan(auc) else curve_of_counts(counts).max()])

    return score
