"""Making files of many others: in processes, each noted in a journal once it is on the disk."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from stagewise.files import paths
from stagewise.files.journals import Journal
from stagewise.files.rows import Row
from stagewise.messages.progress import progress


class Making(Protocol):
    """What is to be made of one file; `known` is what an earlier run wrote down of it."""

    known: Row | None

    def made(self, row: Row) -> Sequence[Path]:
        """The files that are there where it ended with this row, whose status is "ok"."""


class Pool(Protocol):
    """What works side by side: processes here, or of a cluster; by the task or by the batch."""

    def as_they_come(self, function: Callable, tasks: Sequence) -> Iterator[tuple[int, Row]]:
        """As `WorkerPool.as_they_come`."""


def make_all(
    tasks: Sequence[Making], make: Callable, journal: Journal, pool: Pool, what: tuple[str, str]
) -> Sequence[Row]:
    """The rows of all tasks, in their order, as the journal holds them.

    make: what a worker does with what the pool gives it, of which the files may not be on the disk yet; what: the
    progress line's words and its unit.
    """
    places = array("q")
    with progress(len(tasks), *what) as line:
        for number, row in pool.as_they_come(make, tasks):
            if row["status"] == "ok" and row != (task := tasks[number]).known:
                for path in task.made(row):
                    paths.flush(path)  # here, since a worker that waited for the disk would leave its core idle
            journal.write(row)
            places.append(number)
            line.advance()
    return journal.rows.placed(places)
