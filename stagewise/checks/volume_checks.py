"""Checks of the volumes themselves, each read through; shards of r02 do so in parts.

A shard notes the volumes that were whole, each with its file's size and time: where they still are those, the command
without a shard need not read it again. What was not whole is looked at again.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.checks.findings import Data
from stagewise.files import paths
from stagewise.files.journals import Index
from stagewise.files.rows import Row
from stagewise.files.shards import Shard, files_of_shards, gathered
from stagewise.machine.workers import WorkerPool
from stagewise.messages.commands import EXTRACT
from stagewise.messages.errors import BusyError, InputError
from stagewise.messages.progress import progress
from stagewise.volumes.packed import current_pack, mend
from stagewise.volumes.pklz import Examined, ExpectedVolume, examine

WHOLE = ("filename", "sha256", "size", "stored", "grey_level")  # columns of a shard's table


@dataclass(frozen=True)
class Check:
    """One volume to look at: what the index says of it, and what a shard has noted, if one has."""

    expected: ExpectedVolume
    known: Row | None = None

    def __str__(self) -> str:
        return str(self.expected)


def index_of(subset: str, shard: Shard | None = None) -> Index:
    """The shards' tables of whole volumes."""
    return Index(paths.modified_data_folder() / "verify" / f"{subset}.csv", WHOLE, f"the check of {subset}", shard)


def check_pack(data: Data, subset: str) -> bool:
    """Whether packed volumes, where they are there, are those of the index; none of the volumes can be used if not."""
    try:
        if pack := current_pack(subset):
            data.notes.append(f"{subset}: volumes: {paths.shown(pack.path)}")
        return True
    except InputError as error:
        data.find_unread(error, optional=subset == "test")
        data.damaged |= data.names(f"{subset}_volumes")
        return False


def check_volumes(data: Data, subset: str, pool: WorkerPool) -> None:
    """Every volume is whole, and is what the index says; the table gets its grey_level (0-255, NaN where unread).

    What shards have noted counts, where the volume is still the same file.
    """
    table, index = data.tables[f"{subset}_volumes"], index_of(subset)
    data.notes += [f"{subset}: {parts}"] if (parts := gathered(index.shards())) else []
    there = (table["status"] == "ok").to_numpy()
    found = _looked_at(data, subset, table[there], index.known_rows(), pool)
    levels = np.full(len(table), np.nan)
    levels[there] = np.fromiter((examined.grey_level for _, examined, _ in found), float)
    data.tables[f"{subset}_volumes"] = table.assign(grey_level=levels)


def check_shard(data: Data, subset: str, pool: WorkerPool, shard: Shard) -> None:
    """Look at the shard's volumes, and note those that are whole in its table. Raises BusyError."""
    index, table = index_of(subset, shard), data.tables[f"{subset}_volumes"]
    with index.journaling() as journal:
        mine = table[(table["status"] == "ok") & table["filename"].map(shard.has).astype(bool)]
        for name, examined, stored in _looked_at(data, subset, mine, index.known_rows(), pool):
            if not examined.problem:
                journal.write({"filename": name, **stored, "grey_level": repr(examined.grey_level)})
        index.write(journal.rows)
    data.notes.append(f"{subset}, shard {shard}: {len(journal.rows)} of {len(mine)} volumes are whole")


def remove_shards(problems: Path) -> None:
    """Remove what shards, also those that were killed, have noted and found wrong; not while any is at work.

    problems: the table of all that is wrong, beside which they have theirs.
    """
    for index in map(index_of, paths.SUBSETS):
        if index.shards_files():
            with suppress(BusyError), index.owning():
                for path in index.shards_files():
                    path.unlink(missing_ok=True)
    for path in files_of_shards(problems).values():
        path.unlink(missing_ok=True)


def _checks(table: pd.DataFrame, subset: str, known: Mapping[str, Row]) -> Iterator[Check]:
    """What to look at, each put together when its turn comes: half a million are too many to hold."""
    columns = table[["filename", "frames", "height", "width", "sha256"]]
    for name, *size, sha256 in columns.itertuples(index=False, name=None):
        yield Check(ExpectedVolume(paths.volume_path(subset, name), tuple(size), sha256), known.get(name))


def _looked_at(
    data: Data, subset: str, table: pd.DataFrame, known: Mapping[str, Row], pool: WorkerPool
) -> Iterator[tuple[str, Examined, Row | None]]:
    """Each volume's video, what was found, and as what it was stored; at the end the problems are noted.

    table: rows of the extraction's table, of the volumes that it has; known: what shards have noted.
    """
    problems = {}
    with progress(len(table), f"checking {subset}", "volumes") as line:
        for check, (examined, stored) in pool.in_order(_look, _checks(table, subset, known)):
            name = check.expected.path.stem
            if examined.problem:
                problems[name] = examined.problem
            yield name, examined, stored
            line.advance()
    data.damaged |= problems.keys()
    pack = paths.packed_volumes(paths.roi_folder(subset))
    command = mend(pack) if pack.exists() else f"run: {EXTRACT} {subset}"
    listed = [f"{name} ({problem})" for name, problem in problems.items()]
    data.find(f"{subset} volumes that cannot be used", listed, command, optional=subset == "test")


def _look(check: Check) -> tuple[Examined, Row | None]:
    stored, known = _stored(check.expected), check.known
    if stored and known and all(known[column] == cell for column, cell in stored.items()):
        with suppress(ValueError):
            return Examined("", float(known["grey_level"])), stored
    return examine(check.expected), stored


def _stored(expected: ExpectedVolume) -> Row | None:
    """What must be the same for a note to count: what is expected, and the file's size in bytes and its time."""
    pack = paths.packed_volumes(expected.path.parent)
    try:
        file = (pack if pack.exists() else expected.path).stat()
    except FileNotFoundError:
        return None
    size = " ".join(map(str, expected.size))
    return {"sha256": expected.sha256, "size": size, "stored": f"{file.st_size} {file.st_mtime_ns}"}
