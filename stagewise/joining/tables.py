"""The tables of several stages, put into one order, and refused where they do not belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.splits import named
from stagewise.data.tables import videos_to_answer
from stagewise.files import paths
from stagewise.joining.stage_tables import StageTables, commands_of, read_stage
from stagewise.messages.commands import OUT_OF_FOLD, TEST, answering_stages
from stagewise.messages.errors import InputError
from stagewise.scores.paired import projects_of_tables


@dataclass(frozen=True)
class Tables:
    """Stages that belong together, in the order of their names, whatever order they were given in.

    labels, folds: (n,) of the out-of-fold clips; project: of `projects_of_tables`; oof: (n, stages) probabilities;
    asked: of `videos_to_answer`; test: (m, stages) probabilities of those that are answered; unanswered: the row of
    the others, "flowing" or "blank", None where there are none; files: all that was read; notes: what is to be
    said aloud.
    """

    stages: list[str]
    labels: np.ndarray
    folds: np.ndarray
    project: np.ndarray | None
    oof: np.ndarray
    asked: pd.DataFrame
    answered: np.ndarray
    test: np.ndarray
    unanswered: str | None
    files: list[Path]
    notes: list[str]

    @property
    def not_compared(self) -> str:
        """Why no rule can be fitted without each fold, to answer that one: a class is missing there; else ""."""
        for fold in np.unique(self.folds):
            others = self.labels[self.folds != fold]
            if not 0 < others.sum() < len(others):
                return f"outside fold {fold} there are {len(others)} clips, {others.sum()} stalled"
        return ""

    def __str__(self) -> str:
        numbers = sorted(set(self.folds.tolist()))
        projects = "" if self.project is None else f" of {self.project.max() + 1} projects"
        left_out = f", {(~self.answered).sum()} more not answered" if self.unanswered else ""
        line = (
            f"joining {', '.join(self.stages)}: {len(self.labels)} clips{projects} out of fold, {self.labels.sum()} "
            f"stalled, {named(numbers)}; {len(self.test)} test videos{left_out}"
        )
        alone = [f"ways to join are not compared out of fold: {why}"] if (why := self.not_compared) else []
        return "\n".join((line, *self.notes, *alone))


def read_tables(stages: Sequence[str], common: bool) -> Tables:
    """Read the stages and put their clips in one order.

    common: score the clips that every stage holds out, where some hold out more. Raises InputError where the tables
    do not belong together.
    """
    given = [Path(stage).name for stage in stages]  # a folder, as a shell completes it, stands for its stages
    names = sorted(name for one in given for name in answering_stages(one) or [one])
    twice = [name for name, after in pairwise(names) if name == after]
    if twice or len(names) < 2:
        wrong = f"{twice[0]} is named twice" if twice else f"{names[0]} is alone"
        raise InputError(f"{wrong}; name two stages or more, each once")
    read = [read_stage(name) for name in names]
    first = read[0]
    clips = first.oof.index
    for other in read[1:]:
        _require_same_clips(first, other, common)
        clips = clips[clips.isin(other.oof.index)]
    _require_same_videos(read)
    asked = videos_to_answer()
    answered = asked["filename"].isin(first.test.index).to_numpy()
    _require_all_asked(read, asked["filename"], answered)
    rows, order = first.oof.loc[clips], asked["filename"][answered]
    return Tables(
        stages=names,
        labels=rows["stalled"].to_numpy(),
        folds=rows["fold"].to_numpy(),
        project=projects_of_tables([tables.oof.loc[clips] for tables in read]),
        oof=np.column_stack([tables.oof.loc[clips, "probability"] for tables in read]),
        asked=asked,
        answered=answered,
        test=np.column_stack([tables.test.loc[order] for tables in read]),
        unanswered=first.settings.unanswered,
        files=[file for tables in read for file in tables.files],
        notes=[tables.note for tables in read if tables.note],
    )


def _require_same_clips(first: StageTables, other: StageTables, common: bool) -> None:
    """Raise InputError where two stages hold out other clips, in other folds, or with other labels."""
    shown = [paths.shown(paths.oof_csv(tables.stage)) for tables in (first, other)]
    mend = f"run both on one split and the same folds: {commands_of((first.stage, other.stage), OUT_OF_FOLD)}"
    names = [tables.oof.index for tables in (first, other)]
    for here, (own, others) in enumerate((names, names[::-1])):
        lacking = own[~own.isin(others)]
        if len(lacking) and not common:
            raise InputError(
                f"{shown[here]} has {len(lacking)} clips that {shown[1 - here]} lacks, {lacking[0]} the first; {mend}; "
                "where their recipes take other rows of it, --common scores the clips that all of them hold"
            )
    shared = names[0][names[0].isin(names[1])]
    if shared.empty:
        raise InputError(f"{shown[0]} and {shown[1]} have no clip in common; {mend}")
    for column in ("stalled", "fold"):
        values = [tables.oof.loc[shared, column].to_numpy() for tables in (first, other)]
        unlike = np.flatnonzero(values[0] != values[1])
        if len(unlike):
            clip, (here, there) = shared[unlike[0]], (int(column[unlike[0]]) for column in values)
            raise InputError(f"{clip} has {column} {here} in {shown[0]}, and {there} in {shown[1]}; {mend}")


def _require_same_videos(read: Sequence[StageTables]) -> None:
    """Raise InputError where two stages answered other test videos, or gave the unanswered other rows."""
    first = read[0]
    for other in read[1:]:
        mend = f"answer again, alike: {commands_of((first.stage, other.stage), TEST)}"
        lacking = first.test.index.symmetric_difference(other.test.index)
        shown = [paths.shown(paths.test_csv(tables.stage)) for tables in (first, other)]
        if len(lacking):
            raise InputError(f"{len(lacking)} videos, {lacking[0]} the first, are in one of {shown} alone; {mend}")
        rows = [tables.settings.unanswered for tables in (first, other)]
        if rows[0] != rows[1]:
            raise InputError(
                f"videos without an answer got the row {rows[0]} from {first.stage} and {rows[1]} from {other.stage}; "
                f"{mend}, each with the same --unanswered"
            )


def _require_all_asked(read: Sequence[StageTables], asked: pd.Series, answered: np.ndarray) -> None:
    """Raise InputError where other videos are asked for now than r42 answered."""
    first = read[0]
    unknown = first.test.index[~first.test.index.isin(asked)]
    missing = asked[~answered] if first.settings.unanswered is None else asked[:0]
    if len(unknown) or len(missing):
        wrong = f"{unknown[0]} is not asked for" if len(unknown) else f"{missing.iloc[0]} has no answer"
        mend = commands_of((tables.stage for tables in read), TEST)
        raise InputError(f"other test videos are asked for than the stages answered ({wrong}); run: {mend}")
