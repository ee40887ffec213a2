"""The answers to the test videos: as a table for the page, and how many of them the out-of-fold scores would expect."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from stagewise.files import paths
from stagewise.prediction.submission import AnswerSettings, read_settings, whose_submission
from stagewise.scores.score import is_stalled

DECIMALS = 4  # of a probability on the page: as 0 to 10,000 it takes 3 characters of a row, not 20


@dataclass(frozen=True)
class Answers:
    """What r42 answered.

    by_fold: (n, folds), NaN where an adaptive ensemble did not ask; mean, stalled: (n,), NaN of a video that was left
    unanswered, whatever its row in the submission says; reasons: why, by the filenames of these; submission: of
    `whose_submission`.
    """

    filenames: pd.Series
    by_fold: np.ndarray
    mean: np.ndarray
    stalled: np.ndarray
    settings: AnswerSettings
    reasons: dict[str, str] = field(default_factory=dict)
    submission: str | None = None

    @property
    def folds(self) -> list[int]:
        """The folds that answered, in the order of the columns."""
        return [int(fold) for fold in self.settings.weights]

    @property
    def answered(self) -> int:
        """How many videos have an answer."""
        return len(self.filenames) - len(self.reasons)

    @property
    def called(self) -> int:
        """How many are called stalled."""
        return int(np.nansum(self.stalled))

    @property
    def share(self) -> float:
        """Of the answered videos, how many are called stalled."""
        return self.called / self.answered

    def columns(self) -> dict[str, Any]:
        """The table that the page's script shows: names of columns, and each column's values.

        A probability is a whole number of 1 / 10**DECIMALS; null is where a fold was not asked, and no answer.
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
            "columns": [self.filenames.tolist(), *scaled, [None if np.isnan(x) else int(x) for x in self.stalled]],
        }


def read_answers(stage: str, mend: str) -> Answers | None:
    """What r42 wrote, None where it has not yet; `submission.csv` may be another stage's by now.

    Raises InputError, which ends in `mend`, where a table has changed.
    """
    settings = read_settings(stage, mend)
    if settings is None:
        return None
    table = pd.read_csv(paths.test_detailed_csv(stage), float_precision="round_trip")
    by_fold = table[[f"fold_{fold}" for fold in settings.weights]].to_numpy(np.float64)
    mean = table["probability"].to_numpy()
    stalled = np.where(np.isnan(mean), np.nan, is_stalled(mean, settings.threshold))
    without = table[np.isnan(mean)]
    reasons = dict(zip(without["filename"], without["unanswered"], strict=True)) if len(without) else {}
    return Answers(table["filename"], by_fold, mean, stalled, settings, reasons, whose_submission(stage))


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
