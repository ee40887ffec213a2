"""Making folds: the winner's, even ones, ones that keep groups together; and which of them a training can use."""

import shlex
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pandas as pd

from stagewise.data.kinds import CLIPS, Kind
from stagewise.data.split_flaws import flaws
from stagewise.messages.commands import MAKE_SPLIT
from stagewise.messages.errors import InputError

LARGEST_SEED = 2**32 - 1
FOLDS, SEED = 5, 42  # winner's values
STALLED = ("stalled",)  # what --stratify alone spreads evenly
WITH_TIERS = (*STALLED, "tier1")


@dataclass(frozen=True)
class FoldMaking:
    """How folds are made. group: a column whose values share a fold; stratify: columns spread evenly over the folds."""

    folds: int = FOLDS
    seed: int = SEED
    group: str | None = None
    stratify: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command that makes them."""
        words = ["--folds", str(self.folds)] * (self.folds != FOLDS) + ["--seed", str(self.seed)] * (self.seed != SEED)
        words += ["--group", self.group] if self.group else []
        words += ["--stratify"] if self.stratify else []
        words += [",".join(self.stratify)] if self.stratify not in ((), STALLED) else []
        return shlex.join([*shlex.split(MAKE_SPLIT), *words])


def gen_kfold_split(table: pd.DataFrame, making: FoldMaking, kind: Kind = CLIPS) -> pd.DataFrame:
    """The table with a column `fold` of 0 to folds - 1.

    Without group and stratify it is the winner's split: KFold(folds, shuffle=True, random_state=seed) over the rows as
    they stand; with stratify scikit-learn's StratifiedKFold over the rows' values in these columns together; with group
    StratifiedGroupKFold over them, or over the kind's label, so that the folds hold about as many clips of each
    class as the groups allow.
    Raises InputError where there are fewer rows, groups or rows of one kind than folds, no such column, a row without
    group, or a seed that scikit-learn does not take.
    """
    folds, group, stratify = making.folds, making.group, making.stratify
    if making.seed > LARGEST_SEED:
        raise InputError(f"seed {making.seed} is too large for scikit-learn; give one up to {LARGEST_SEED} with --seed")
    _require_filled(table, [group] if group else [], "--group")
    _require_filled(table, stratify, "--stratify")
    _require_enough(len(table), f"{kind.file}s", folds)
    if group:
        _require_enough(table[group].nunique(), f"groups of the same {group}", folds)
    kinds = table.groupby(list(stratify or (kind.label,)), sort=False).ngroup() if group or stratify else None
    if kinds is not None:
        largest = kinds.value_counts().max()
        alike = ", ".join(stratify) or kind.label
        _require_enough(largest, f"{kind.file}s, the most that are alike in {alike},", folds)
    fold = np.empty(len(table), np.int64)
    for number, held_out in enumerate(_held_out(len(table), making, kinds, table[group] if group else None)):
        fold[held_out] = number
    return table.assign(fold=fold)


def _held_out(rows: int, making: FoldMaking, kinds: pd.Series | None, groups: pd.Series | None) -> Sequence[np.ndarray]:
    """The rows of each fold. kinds, groups: of each row, None where folds have nothing to do with them."""
    if kinds is None:  # as KFold has it; scikit-learn, which is not loaded for it, takes 80 MiB and a second
        return np.array_split(np.random.RandomState(making.seed).permutation(rows), making.folds)
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of kinds with fewer rows than folds; `flaws` finds what matters
        folds = splitter(making.folds, shuffle=True, random_state=making.seed).split(np.empty(rows), kinds, groups)
        return [held_out for _, held_out in folds]


def _require_enough(count: int, what: str, folds: int) -> None:
    if count < folds:
        raise InputError(f"{count} {what} cannot fill {folds} folds; ask for fewer with --folds")


def _require_filled(table: pd.DataFrame, columns: Sequence[str], option: str) -> None:
    for column in columns:
        if column not in table or table[column].isna().any() or (table[column].astype(str).str.strip() == "").any():
            raise InputError(
                f"{f'a row without {column}' if column in table else f'no column {column}'} in the training tables; "
                f"their columns are {', '.join(table.columns)}; give one of them with {option}, filled in every row"
            )


def ways_out(table: pd.DataFrame, making: FoldMaking) -> list[FoldMaking]:
    """Ways to make folds of these rows that every stage can train on, where `making` does not; of each kind one.

    table: as for `flaws`, in the order of the labels.
    """
    counts = range(making.folds, 1, -1)
    even = [replace(making, folds=count, stratify=columns) for count in counts for columns in (STALLED, WITH_TIERS)]
    grouped = [replace(making, group="project_id")] if making.group is None else []
    fewer = [replace(making, folds=count) for count in counts[1:]]
    return [way for kind in (even, grouped, fewer) for way in _nearest(table, kind)]


def _nearest(table: pd.DataFrame, ways: Iterable[FoldMaking]) -> list[FoldMaking]:
    """The first that will do, if any."""
    return [*islice((way for way in ways if _will_do(table, way)), 1)]


def _will_do(table: pd.DataFrame, making: FoldMaking) -> bool:
    try:
        return not flaws(gen_kfold_split(table, making), range(making.folds))
    except InputError:
        return False
