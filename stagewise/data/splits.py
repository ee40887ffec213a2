"""The split: which clip belongs to which fold. Anyone's CSV will do; see the README for its columns."""

import shlex
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.columns import booleans, labels, probabilities, whole_numbers, with_tiers
from stagewise.data.kinds import CLIPS, Kind
from stagewise.data.tables import read_videos
from stagewise.files import paths
from stagewise.messages.commands import MAKE_SPLIT, fold_options, typed
from stagewise.messages.errors import InputError

CHOOSING_MEND = f"correct it, or, where input/train_metadata.csv has that column, run: {MAKE_SPLIT} --force"
ALWAYS_TRAINED = -1  # a row of this fold is trained on in every fold, and never validated


@dataclass(frozen=True)
class Split:
    """A split's rows (filename, the kind's label, fold and what else it carries), its file, and the file's sha256."""

    path: Path
    sha256: str
    table: pd.DataFrame
    kind: Kind = CLIPS

    @property
    def recorded(self) -> dict[str, str]:
        """What a run's config says of it: file, as seen from the root, and sha256."""
        return {"file": paths.shown(self.path), "sha256": self.sha256}

    @property
    def label(self) -> str:
        """The column of 0 and 1 that says what each row is."""
        return self.kind.label

    @property
    def folds(self) -> list[int]:
        """The folds that can be validated, ascending."""
        return sorted(int(fold) for fold in self.table["fold"].unique() if fold != ALWAYS_TRAINED)

    def command(self, script: str, folds: Sequence[int] | None = None, from_root: bool = False) -> str:
        """`python SCRIPT` with the options for this split, and for these folds where they are not all of them.

        script: with options of its own, if it has any, as `step_of` has it;
        from_root: with the split's path as seen from the root, wherever that is, for a file that may move with it.
        """
        words = ["python", *shlex.split(script)]
        if self.path.absolute() != self.kind.own():
            words += ["--split", paths.shown(self.path) if from_root else typed(self.path)]
        if folds is not None and list(folds) != self.folds:
            words += fold_options(folds)
        return shlex.join(words)

    @property
    def tier1(self) -> pd.Series:
        """Whether each row is of tier 1, bool; every row is where the table has no such column."""
        known = self.table.get("tier1")
        return pd.Series(True, self.table.index) if known is None else known

    @property
    def note(self) -> str:
        """What is to be said aloud of the split, or ""."""
        return (
            ""
            if "tier1" in self.table or not self.kind.tiers
            else f"{paths.shown(self.path)} has no column tier1: every row is of tier 1"
        )

    def seen_note(self, folds: Sequence[int]) -> str:
        """What is to be said where rows are trained on in every fold, or "". folds: whose rows are scored."""
        seen = self.table["fold"] == ALWAYS_TRAINED
        if not seen.any():
            return ""
        of_folds = self.table["fold"].isin(list(folds))
        (known, known_ones), (scored, ones) = (
            (int(rows.sum()), int(self.table.loc[rows, self.label].sum())) for rows in (seen, of_folds)
        )
        rows = f"{self.kind.clip}s"
        return (
            f"{known} of {len(self.table)} {rows} ({known_ones} {self.label}) are of fold {ALWAYS_TRAINED}: every net "
            f"saw them in training; scores are of the {scored} {rows} ({ones} {self.label}) of {named(folds)} alone"
        )

    def of_tier1(self) -> "Split":
        """The split of its rows of tier 1 alone; a fold without one is missing."""
        return replace(self, table=self.table[self.tier1].reset_index(drop=True))

    def surely_stalled(self, above: float) -> pd.Series:
        """Whether each row, bool, is stalled, of another tier than 1, and has a crowd_score (0-1) above a bound.

        Raises InputError where a stalled row of another tier has no crowd_score of 0-1.
        """
        others = self.table[~self.tier1 & (self.table["stalled"] == 1)]
        if len(others) and "crowd_score" not in others:
            raise InputError(
                f"{paths.shown(self.path)} has no column crowd_score, by which {len(others)} stalled clips of other "
                f"tiers than 1 are chosen; {CHOOSING_MEND}"
            )
        sure = (
            others.index[probabilities(others, "crowd_score", self.path, CHOOSING_MEND) > above] if len(others) else []
        )
        return pd.Series(self.table.index.isin(sure), self.table.index)

    def of_tier1_and_surely_stalled(self, above: float) -> "Split":
        """The split of its rows of tier 1 and of `surely_stalled`, which may raise InputError."""
        return replace(self, table=self.table[self.tier1 | self.surely_stalled(above)].reset_index(drop=True))

    def micro(self) -> pd.Series:
        """Whether each row is micro, bool; where the table has no such column, the stalled ones stand for it.

        Raises InputError where a cell is neither True nor False.
        """
        known = "micro" in self.table
        return booleans(self.table, "micro", self.path, CHOOSING_MEND) if known else self.table["stalled"] == 1

    def of_micro_and_of_each_project(self, most: int, seed: int) -> "Split":
        """Of the rows of tier 1 the micro ones, and of the others at most so many of each project, drawn by seed.

        All rows of tier 1 are taken where the table has no project_id. A project's draw hangs on the names of its own
        rows alone. Raises InputError as `micro`.
        """
        table = self.table
        if "project_id" not in table:
            return self.of_tier1()
        micro = self.micro()
        chosen = micro & self.tier1
        others = table[self.tier1 & ~micro].sort_values("filename")
        for project, rows in others.groupby(others["project_id"].str.strip()):
            generator = np.random.default_rng([seed, zlib.crc32(project.encode())])
            chosen[generator.choice(rows.index, min(most, len(rows)), replace=False)] = True
        return replace(self, table=table[chosen].reset_index(drop=True))

    def project_note(self, most: int) -> str:
        """What is to be said of those rows where the table has not all that they are chosen by, or ""."""
        lacking = [column for column in ("micro", "project_id") if column not in self.table]
        if not lacking:
            return ""
        taken = f"the stalled rows of tier 1 and {most} others a project are taken"
        return f"{paths.shown(self.path)} has no column {', '.join(lacking)}: " + (
            "all rows of tier 1 are taken" if "project_id" in lacking else taken
        )

    @property
    def check(self) -> str:
        """The command that checks this split against labels and volumes."""
        return self.command(self.kind.check)

    def chosen_folds(self, asked: list[int] | None) -> list[int]:
        """The folds asked for, each once, in the order asked; all where none is. Raises InputError for others."""
        unknown = [fold for fold in asked or [] if fold not in self.folds]
        if unknown:
            raise InputError(
                f"{paths.shown(self.path)} has no fold {', '.join(map(str, unknown))}; its folds are "
                f"{', '.join(map(str, self.folds))}"
            )
        return list(dict.fromkeys(asked)) if asked else self.folds


def named(folds: Sequence[int]) -> str:
    """The folds as a message shows them: fold 0; folds 0, 2."""
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"


def read_split(path: Path | None, only: Collection[str] | None = None) -> Split:
    """Read and check a split CSV.

    path: None for the recipe's own split; only: of its other columns those that are asked for, by default all.
    Raises InputError naming file, line and mend.
    """
    path, mend, absent = CLIPS.given_split(path)
    table = read_videos(path, ["stalled", "fold"], mend, absent, only=only)
    table["stalled"] = labels(table, path, mend)
    table["fold"] = whole_numbers(table, "fold", path, mend, minimum=ALWAYS_TRAINED)
    split = Split(path, paths.sha256_of(path), with_tiers(table, path, mend))
    require_folds(split, mend)
    return split


def require_folds(split: Split, mend: str) -> None:
    """Raise InputError unless there is a fold to validate on, and rows beside it to train on."""
    if not split.folds:
        raise InputError(f"{paths.shown(split.path)} has no fold to validate on; {mend}")
    if (split.table["fold"] == split.folds[0]).all():
        alone = f"{paths.shown(split.path)} has fold {split.folds[0]} alone"
        raise InputError(f"{alone}, so nothing is left to train on; {mend}")
