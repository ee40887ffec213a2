"""What stops a stage from learning from a split's folds, or from being scored on them: a class or a tier is missing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from stagewise.data.kinds import CLIPS, Kind

NO_TIER1 = "no row is of tier 1, and the last stage reads those alone"
OF_TIER1 = " of tier 1"
FLAWS_SHOWN = 3


def flaws(table: pd.DataFrame, folds: Iterable[int], kind: Kind = CLIPS) -> list[str]:
    """What is missing in these folds, for a stage of all rows and for one of tier 1 alone, in words.

    table: the kind's label (0 or 1), fold, and tier1 (bool), without which every row is of tier 1. In every fold there
    must be clips of the classes that the kind needs to be scored on, and outside it to be trained on.
    """
    folds = list(folds)
    found = defaultdict(list)
    missing = set(_missing(table, folds, kind))
    tiers = [("", table)] + ([(OF_TIER1, table[table["tier1"]])] if "tier1" in table else [])
    for tier, rows in tiers:
        if rows.empty:
            return [*(_in_words(*flaw, kind) for flaw in found.items()), NO_TIER1]
        for where, name in _missing(rows, folds, kind):
            if not tier or (where, name) not in missing:
                found[where, tier].append(name)
    return [_in_words(*flaw, kind) for flaw in found.items()]


def of_tier1(flaw: str) -> bool:
    """Whether a flaw is of the stage that reads tier 1 alone."""
    return flaw == NO_TIER1 or flaw.endswith(OF_TIER1)


def shown(found: Sequence[str]) -> str:
    """The flaws in a message's line."""
    more = f", and {len(found) - FLAWS_SHOWN} more such" if len(found) > FLAWS_SHOWN else ""
    return ", ".join(found[:FLAWS_SHOWN]) + more


def _missing(table: pd.DataFrame, folds: list[int], kind: Kind) -> Iterator[tuple[str, str]]:
    """Where a class is missing, and which."""
    counts = {
        kind.classes[value]: table.loc[table[kind.label] == value, "fold"].value_counts() for value in kind.needed
    }
    for fold in folds:
        for name, count in counts.items():
            inside = int(count.get(fold, 0))
            if not inside:
                yield f"fold {fold} has", name
            if inside == count.sum():
                yield f"the training rows of fold {fold} have", name


def _in_words(place: tuple[str, str], names: list[str], kind: Kind) -> str:
    where, tier = place
    return f"{where} no {' and no '.join(names)} {kind.clip}{tier}"
