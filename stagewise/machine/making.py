"""Making files of many others: in processes, in order, each noted in a journal once it is on the disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from stagewise.files import paths
from stagewise.files.journals import Journal, Row
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress


class Making(Protocol):
    """What is to be made of one file; `known` is what an earlier run wrote down of it."""

    known: Row | None

    def made(self, row: Row) -> Sequence[Path]:
        """The files that are there where it ended with this row, whose status is "ok"."""


def make_all(
    tasks: Sequence[Making], make: Callable[[Making], Row], journal: Journal, pool: WorkerPool, what: tuple[str, str]
) -> Sequence[Row]:
    """The rows of all tasks, in their order, as the journal holds them.

    make: what a worker does, whose files may not be on the disk yet; what: the progress line's words and its unit.
    """
    with progress(len(tasks), *what) as line:
        for task, row in pool.in_order(make, tasks):
            if row["status"] == "ok" and row != task.known:
                for path in task.made(row):
                    paths.flush(path)  # here, since a worker that waited for the disk would leave its core idle
            journal.write(row)
            line.advance()
    return journal.rows
