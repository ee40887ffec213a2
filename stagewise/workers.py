"""Worker processes that hand back results in order, and whose death is an error instead of a hang."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from stagewise.errors import StagewiseError

Task = TypeVar("Task")
Result = TypeVar("Result")


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _start_worker() -> None:
    """One thread for OpenCV, since the workers are the parallelism; and no life without the parent."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle, which then ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()


class WorkerPool:
    """`workers` fresh (spawned) processes; with 0, the tasks run in the calling process.

    A context manager: leaving it ends the processes and drops what they had not begun.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.executor = workers and ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
        )

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.executor:
            self.executor.shutdown(wait=True, cancel_futures=True)

    def in_order(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield each task with `function(task)`, in the tasks' order, two tasks in flight for each worker.

        Raises: what the function raised; StagewiseError within a second of a worker's death, naming the
        task that was waited for.
        """
        if not self.executor:
            yield from ((task, function(task)) for task in tasks)
            return
        waiting: deque[tuple[Task, Future]] = deque()
        try:
            for task in tasks:
                waiting.append((task, self.executor.submit(function, task)))
                if len(waiting) > 2 * self.workers:
                    yield _finished(*waiting.popleft())
            while waiting:
                yield _finished(*waiting.popleft())
        finally:
            for _, future in waiting:  # of a stream that was left early; the pool goes on with the next one
                future.cancel()


def _finished(task: Task, future: Future) -> tuple[Task, object]:
    try:
        return task, future.result()
    except BrokenProcessPool as error:
        raise StagewiseError(
            f"a worker process died (killed, or out of memory) while {task} was waited for; "
            "run the same command again, with fewer --workers if memory was short"
        ) from error
