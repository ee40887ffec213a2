"""Extraction from a bucket: what a worker decodes next is fetched while it decodes.

A worker has a batch of videos in hand, so that it knows what comes next; a killed one costs what it has of its batch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from stagewise.crops import extraction
from stagewise.crops.extraction import Extraction
from stagewise.files.journals import Row
from stagewise.machine.workers import WorkerPool
from stagewise.video.decoding import VideoError
from stagewise.video.held import Held

AHEAD = 2  # 100 ms of fetching and 124 of decoding take the time of the decoding alone
BATCH = 20  # videos, two or three seconds of work

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Batch:
    """Videos that one worker extracts, one after the other."""

    tasks: tuple[Extraction, ...]

    def __str__(self) -> str:
        return f"{self.tasks[0]} or one of the {len(self.tasks) - 1} after it"


class BatchPool:
    """A pool that takes tasks by the batch, and hands back their rows one by one, in order."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool

    def in_order(
        self, make: Callable[[Batch], list[Row]], tasks: Sequence[Extraction]
    ) -> Iterator[tuple[Extraction, Row]]:
        """Yield each task with its row. make: `extract_batch`."""
        ends = range(BATCH, len(tasks) + BATCH, BATCH)
        batches = (Batch(tuple(map(tasks.__getitem__, range(end - BATCH, min(end, len(tasks)))))) for end in ends)
        try:
            for batch, rows in self.pool.in_order(make, batches):
                yield from zip(batch.tasks, rows, strict=True)
        except BaseException:
            self.pool.kill()  # a worker in the middle of a batch may wait for the bucket for minutes
            raise


def extract_batch(batch: Batch) -> list[Row]:
    """The rows of a batch; raises what `Stored.fetch` and `extraction.extract` do, but that of one video alone."""
    return [
        ready if isinstance(ready, dict) else extraction.extract(replace(task, video=ready, known=None))
        for task, ready in ahead(_kept_or_fetched, batch.tasks)
    ]


def _kept_or_fetched(task: Extraction) -> Row | Held:
    if extraction.is_whole(task):
        return task.known
    try:
        return task.video.fetch()
    except VideoError as error:
        return extraction.quarantined(task, error.reason)


def ahead(
    function: Callable[[Task], Result], tasks: Iterable[Task], count: int = AHEAD
) -> Iterator[tuple[Task, Result]]:
    """Yield each task with `function(task)`, in their order; `count` of those to come are begun by then, in threads."""
    tasks = iter(tasks)
    threads = ThreadPoolExecutor(count + 1)
    try:
        waiting = deque((task, threads.submit(function, task)) for task in islice(tasks, count + 1))
        while waiting:
            task, future = waiting.popleft()
            result = future.result()
            yield task, result
            waiting.extend((task, threads.submit(function, task)) for task in islice(tasks, 1))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
