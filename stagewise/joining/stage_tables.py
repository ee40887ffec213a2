"""What r41 and r42 left behind of one stage: read, and refused where it is not of the same weights."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.splits import named
from stagewise.data.tables import read_oof_table
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.commands import OUT_OF_FOLD, TEST, answering_stages, step_of, training_scripts
from stagewise.messages.errors import InputError
from stagewise.prediction.submission import AnswerSettings, read_means, read_settings
from stagewise.prediction.threshold import read_scores
from stagewise.scores.score import roc_auc


@dataclass(frozen=True)
class StageTables:
    """What r41 and r42 wrote of a stage.

    oof: of `read_oof_table`; test: of `read_means`; both by filename; threshold: that r41 chose.
    """

    stage: str
    oof: pd.DataFrame
    test: pd.Series
    settings: AnswerSettings
    threshold: float

    @property
    def note(self) -> str:
        """What is to be said aloud of a threshold that r42 was given, or ""."""
        given, own = self.settings.threshold, self.threshold
        return "" if given == own else f"{self.stage} was answered above {given}, which joining passes over for its own"

    @property
    def files(self) -> list[Path]:
        """The files that the tables were read from."""
        written = (paths.test_csv(self.stage), paths.test_json(self.stage))
        return [paths.oof_csv(self.stage), paths.threshold_json(self.stage), *written]


def command_of(stage: str, step: str) -> str:
    """The command of one of the stage's steps, on the split that its folds were trained on."""
    words = ["python", *shlex.split(step_of(stage, step))]
    if folds := runs.begun_folds(stage):
        split = runs.read_config(stage, folds[0])["split"]["file"]
        words += runs.split_option(split)
    return shlex.join(words)


def commands_of(stages: Iterable[str], step: str) -> str:
    """The commands of a step of several stages, one behind the other, each once."""
    return " && ".join(dict.fromkeys(command_of(stage, step) for stage in stages))


def read_stage(stage: str) -> StageTables:
    """A stage's tables. Raises InputError where one is missing, or they are not of the same weights."""
    _require_answering(stage)
    r41, r42 = (command_of(stage, script) for script in (OUT_OF_FOLD, TEST))
    oof = read_oof_table(paths.oof_csv(stage), f"run: {r41}").set_index("filename")
    settings = read_settings(stage, f"run: {r42}")
    if settings is None:
        raise InputError(f"{stage} has no answers to the test videos, or a table of them is gone; run: {r42}")
    if settings.adaptive is not None:
        raise InputError(
            f"{paths.shown(paths.test_csv(stage))} was answered with --adaptive, so that plainly flowing videos have "
            f"no mean of all folds, which joining needs; run without it: {r42}"
        )
    mend = f"run: {r41} && {r42}"
    scores = read_scores(stage, settings.weights, mend)
    _require_one_origin(stage, oof, scores, settings, mend)
    test = read_means(stage, f"run: {r42}").set_index("filename")["probability"]
    return StageTables(stage, oof, test, settings, scores["threshold"])


def _require_answering(stage: str) -> None:
    """Raise InputError for what is no stage, or one on the way to the last: no command would make its tables."""
    looked_for = stage in training_scripts() or not (paths.models_folder() / stage).exists()
    if looked_for and stage not in (answering := answering_stages()):
        raise InputError(f"{stage} is no stage that answers; those that do are {', '.join(answering)}")


def _require_one_origin(stage: str, oof: pd.DataFrame, scores: dict, settings: AnswerSettings, mend: str) -> None:
    """Raise InputError unless r41's table is the one that its threshold is of, and r42 answered by the same folds."""
    threshold, found = paths.shown(paths.threshold_json(stage)), paths.shown(paths.oof_csv(stage))
    folds = sorted(map(int, scores["weights"]))
    for file, others in ((paths.shown(paths.test_json(stage)), map(int, settings.weights)), (found, oof["fold"])):
        if (others := sorted(set(others))) != folds:
            raise InputError(f"{file} is of {named(others)}, {threshold} of {named(folds)}; {mend}")
    auc = roc_auc(oof["stalled"].to_numpy(), oof["probability"].to_numpy())
    same = scores.get("clips") == len(oof) and scores.get("stalled") == oof["stalled"].sum()
    noted = np.nan if scores.get("roc_auc") is None else scores["roc_auc"]  # of one class alone there is none
    # text of a probability may lose its last bit
    if not same or not np.isclose(noted, auc, rtol=0, atol=1e-6, equal_nan=True):
        raise InputError(f"{threshold} was not chosen from {found} as it is now; {mend}")
