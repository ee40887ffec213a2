"""The split: which clip belongs to which fold. Anyone's CSV will do; see the README for its columns."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedGroupKFold

from stagewise import paths
from stagewise.columns import booleans, labels, whole_numbers
from stagewise.commands import MAKE_SPLIT, fold_options
from stagewise.errors import InputError
from stagewise.tables import read_videos

ALWAYS_TRAINED = -1  # a row of this fold is trained on in every fold, and never validated
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Split:
    """A split's rows (filename, stalled, fold and what else it carries), its file, and the file's sha256."""

    path: Path
    sha256: str
    table: pd.DataFrame

    @property
    def folds(self) -> list[int]:
        """The folds that can be validated, ascending."""
        return sorted(int(fold) for fold in self.table["fold"].unique() if fold != ALWAYS_TRAINED)

    def command(self, script: str, folds: Sequence[int] | None = None, from_root: bool = False) -> str:
        """`python SCRIPT` with the options for this split, and for these folds where they are not all of them.

        from_root: with the split's path as seen from the root, as a file keeps it; else as it was given.
        """
        words = ["python", script]
        if self.path.absolute() != paths.split_csv():
            words += ["--split", paths.shown(self.path) if from_root else str(self.path)]
        if folds is not None and list(folds) != self.folds:
            words += fold_options(folds)
        return shlex.join(words)

    @property
    def check(self) -> str:
        """The command that checks this split against labels and volumes."""
        return self.command("preproc_data/r02_verify_data.py")

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


def gen_kfold_split(table: pd.DataFrame, folds: int, seed: int, group: str | None) -> pd.DataFrame:
    """The table with a column `fold` of 0 to folds - 1.

    Without a group it is the winner's split: KFold(folds, shuffle=True, random_state=seed) over the rows as
    they stand. With one, rows of the same value in that column share a fold, and the folds hold about as many clips of
    each class as the groups allow.
    Raises InputError where there are fewer rows or groups than folds, no such column, a row without group, or
    a seed that scikit-learn does not take.
    """
    if group is not None and (group not in table or table[group].isna().any()):
        raise InputError(
            f"{f'a row without {group}' if group in table else f'no column {group}'} in the training tables; their "
            f"columns are {', '.join(table.columns)}; give one of them with --group, filled in every row"
        )
    parts = len(table) if group is None else table[group].nunique()
    if parts < folds:
        what = "videos" if group is None else f"groups of the same {group}"
        raise InputError(f"{parts} {what} cannot fill {folds} folds; ask for fewer with --folds")
    if seed > LARGEST_SEED:
        raise InputError(f"seed {seed} is too large for scikit-learn; give one up to {LARGEST_SEED} with --seed")
    splitter = (KFold if group is None else StratifiedGroupKFold)(folds, shuffle=True, random_state=seed)
    stalled, groups = (None, None) if group is None else (table["stalled"].to_numpy(), table[group].to_numpy())
    fold = np.empty(len(table), np.int64)
    for number, (_, held_out) in enumerate(splitter.split(table, stalled, groups)):
        fold[held_out] = number
    return table.assign(fold=fold)


def read_split(path: Path | None, tier1_only: bool = False) -> Split:
    """Read and check a split CSV; with `tier1_only`, keep the rows whose column tier1 is true.

    path: None for the recipe's own split. Raises InputError naming file, line and mend.
    """
    own, path = path is not None, Path(path or paths.split_csv())
    other = f"leave --split out for the split of: {MAKE_SPLIT}" if own else f"run: {MAKE_SPLIT} --force"
    mend, absent = f"correct it, or {other}", f"run: {MAKE_SPLIT}{f' --output {path}' if own else ''}"
    table = read_videos(path, ["stalled", "fold", *(["tier1"] if tier1_only else [])], mend, absent)
    table["stalled"] = labels(table, path, mend)
    table["fold"] = whole_numbers(table, "fold", path, mend, minimum=ALWAYS_TRAINED)
    split = Split(path, paths.sha256_of(path), table)
    if tier1_only:
        all_folds, table = split.folds, table[booleans(table, "tier1", path, mend)].reset_index(drop=True)
        split = replace(split, table=table)
        if lost := sorted(set(all_folds) - set(split.folds)):
            raise InputError(f"{paths.shown(path)} has no tier 1 clip to validate {named(lost)} on; {mend}")
    if not split.folds:
        raise InputError(f"{paths.shown(path)} has no fold to validate on; {mend}")
    if (table["fold"] == split.folds[0]).all():
        raise InputError(f"{paths.shown(path)} has fold {split.folds[0]} alone, so nothing is left to train on; {mend}")
    return split
