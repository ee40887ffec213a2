"""A split, looked at as every stage will read it, and what mends it: a mend is named where it would help, alone."""

import shlex
from collections.abc import Iterable, Sequence

import pandas as pd

from stagewise.data.fold_making import FoldMaking, ways_out
from stagewise.data.kinds import CLIPS
from stagewise.data.split_flaws import flaws, of_tier1, shown
from stagewise.data.splits import Split
from stagewise.files import paths
from stagewise.messages.errors import InputError

WITHOUT_TIER1 = "take the column out, and every row is of tier 1"


def require_learnable(split: Split, folds: Iterable[int]) -> None:
    """Raise InputError unless every stage can be trained and scored on these folds, those of tier 1 alone included."""
    if found := flaws(split.table, folds, split.kind):
        raise InputError(f"{paths.shown(split.path)} cannot be trained on: {shown(found)}; {mend_of(split, found)}")


def require_trainable(table: pd.DataFrame, making: FoldMaking, options: Sequence[str]) -> None:
    """Raise InputError where a stage would refuse the folds that were made.

    options: words of the command line that do not change the folds, for the commands that make better ones.
    """
    if found := flaws(table, range(making.folds)):
        raise InputError(
            f"no stage could be trained on these folds: {shown(found)}; {_mends(table, making, found, options)}"
        )


def mend_of(split: Split, found: Sequence[str]) -> str:
    """What the user can do about these flaws of the split."""
    if split.kind != CLIPS:
        needed = " and ".join(split.kind.classes[value] for value in split.kind.needed)
        both = f"correct it, so that every fold has {needed} {split.kind.clip}s, and others beside it"
        return f"{both}, or leave --split out for the split of: {split.kind.make}"
    if split.path.absolute() == paths.split_csv():
        return _mends(split.table, FoldMaking(len(split.folds)), found, ["--force"])
    if not all(map(of_tier1, found)):
        return "correct it, so that every fold has clips of both classes"
    return (
        f"correct its column tier1, so that every fold has clips of both classes that are of tier 1, or {WITHOUT_TIER1}"
    )


def _mends(table: pd.DataFrame, making: FoldMaking, found: Sequence[str], options: Sequence[str]) -> str:
    """Commands that make folds without flaws of the same rows, and what else helps."""
    mends = [f"run: {_command(way, options)}" for way in ways_out(table, making)]
    if any(map(of_tier1, found)) and (way := _way_without_tiers(table, making, found)):
        again = f"and run: {_command(way, options)}"
        mends.append(f"correct tier1 in the training tables, or {WITHOUT_TIER1}, {again}")
    return "; or ".join(mends) or f"add videos of the missing class, and run: {_command(making, options)}"


def _way_without_tiers(table: pd.DataFrame, making: FoldMaking, found: Sequence[str]) -> FoldMaking | None:
    """How to make folds once every row is of tier 1; None where that does not help either."""
    if all(map(of_tier1, found)):
        return making
    return next(iter(ways_out(table.drop(columns="tier1"), making)), None)


def _command(making: FoldMaking, options: Sequence[str]) -> str:
    return shlex.join([*shlex.split(making.command), *options])
