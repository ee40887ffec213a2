"""The answers to the test videos: as a table for the page, and how many of them the out-of-fold scores would expect."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from stagewise import paths
from stagewise.errors import InputError
from stagewise.score import is_stalled
from stagewise.tables import probabilities, read_labels, read_videos, require_values

DECIMALS = 4  # of a probability on the page: as 0 to 10,000 it takes 3 characters of a row, not 20
FOLD = "fold_"  # how the columns of single folds begin


@dataclass(frozen=True)
class Answers:
    """What r42 answered. by_fold: (n, folds), NaN where an `adaptive` ensemble did not ask; mean, stalled: (n,)."""

    filenames: pd.Series
    folds: list[int]
    by_fold: np.ndarray
    mean: np.ndarray
    stalled: np.ndarray
    adaptive: bool = False

    @property
    def share(self) -> float:
        """Of the videos, how many are called stalled."""
        return float(self.stalled.mean())

    def agree_with(self, threshold: float) -> bool:
        """Whether this threshold makes these answers."""
        return bool(np.array_equal(is_stalled(self.mean, threshold), self.stalled == 1))

    @property
    def thresholds(self) -> tuple[float, float]:
        """Between which probabilities the threshold lay: the largest one called flowing, the least called stalled."""
        flowing, stalled = self.mean[self.stalled == 0], self.mean[self.stalled == 1]
        return float(flowing.max(initial=0)), float(stalled.min(initial=1))

    def columns(self) -> dict[str, Any]:
        """The table that the page's script shows: names of columns, and each column's values.

        A probability is a whole number of 1 / 10**DECIMALS, and null where a fold was not asked.
        """
        names = ["video", *(f"fold {fold}" for fold in self.folds), "mean", "answer"]
        numbers = [*self.by_fold.T, self.mean]
        scaled = [
            [None if np.isnan(value) else round(value * 10**DECIMALS) for value in column.tolist()]
            for column in numbers
        ]
        return {
            "names": names,
            "decimals": DECIMALS,
            "columns": [self.filenames.tolist(), *scaled, self.stalled.tolist()],
        }


def read_answers(stage: str) -> Answers | None:
    """What r42 wrote, None where it has not yet.

    Raises InputError where its two tables do not fit each other.
    """
    path, submission = (paths.submission_folder() / name for name in (f"{stage}_test_detailed.csv", "submission.csv"))
    if not path.exists() or not submission.exists():
        return None
    mend = f"run: python {stage}/r42_process_test.py"
    table, answers = read_videos(path, ("probability",), mend), read_labels(submission, mend, mend)
    require_values(answers, "filename", table["filename"].tolist(), submission, mend)
    answers = answers.set_index("filename")["stalled"].reindex(table["filename"])
    columns = [name for name in table.columns if name.startswith(FOLD) and name[len(FOLD) :].isdigit()]
    by_fold = [_where_asked(table, name, path, mend) for name in columns]
    mean = probabilities(table, "probability", path, mend).to_numpy()
    if answers.isna().any() or mean[answers == 1].min(initial=1) < mean[answers == 0].max(initial=0):
        raise InputError(f"{paths.shown(submission)} does not follow from {paths.shown(path)}; {mend}")
    by_fold = np.stack(by_fold, axis=1) if by_fold else np.empty((len(table), 0))
    folds = [int(name[len(FOLD) :]) for name in columns]
    return Answers(table["filename"], folds, by_fold, mean, answers.to_numpy(np.int64), "passes" in table)


def _where_asked(table: pd.DataFrame, column: str, path: paths.Path, mend: str) -> np.ndarray:
    asked = table[column].str.strip() != ""
    return probabilities(table.assign(**{column: table[column].where(asked, "0")}), column, path, mend).where(asked)


@dataclass(frozen=True)
class Expected:
    """How many of n videos are called stalled where `share` of them are, and the range of 95 % of such sets."""

    share: float
    count: float
    low: int
    high: int


def expected_answers(videos: int, share: float, sensitivity: float, specificity: float) -> Expected:
    """What sensitivity and specificity lead one to expect of so many videos, if `share` of them are stalled."""
    called = share * sensitivity + (1 - share) * (1 - specificity)
    low, high = binom.ppf((0.025, 0.975), videos, called)
    return Expected(share, videos * called, int(low), int(high))


def true_share(called: float, sensitivity: float, specificity: float) -> float | None:
    """The share of stalled videos behind a share of answers, within 0 and 1.

    W. J. Rogan, B. Gladen, American Journal of Epidemiology 107, 1978. None where the answers hang on nothing.
    """
    if sensitivity + specificity <= 1:
        return None
    return min(max((called + specificity - 1) / (sensitivity + specificity - 1), 0.0), 1.0)
