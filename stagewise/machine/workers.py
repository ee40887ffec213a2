"""Worker processes that hand back results in order, and whose death is an error instead of a hang."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from stagewise.machine import interruption
from stagewise.messages.errors import StagewiseError, way_on

Task = TypeVar("Task")
Result = TypeVar("Result")


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _start_worker() -> None:
    """One thread for OpenCV and for NumPy's products, as the workers are the parallelism; no life without the parent.

    On a busy machine, OpenBLAS' threads wait for each other without end: eight minutes for a batch of tiny clips.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read while NumPy is loaded, which OpenCV does
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def in_flight(workers: int) -> int:
    """The most tasks that `in_order` has begun and not yet yielded: two for each worker, and the next to come."""
    return 2 * workers + 1


class WorkerPool:
    """`workers` fresh (spawned) processes; with 0, the tasks run in the calling process.

    A context manager: leaving it ends the processes and drops what they had not begun.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        with interruption.Held():
            self.executor = workers and ProcessPoolExecutor(
                workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
            )

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.executor:
            self.executor.shutdown(wait=True, cancel_futures=True)

    def kill(self) -> None:
        """End the processes in the middle of what they do; for who leaves by an error, and has nothing more to do."""
        processes = getattr(self.executor, "_processes", None)  # an executor has no public way but to wait
        for process in list((processes or {}).values()):
            process.kill()

    def in_order(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield each task with `function(task)`, in the tasks' order, two tasks in flight for each worker.

        Raises: what the function raised; StagewiseError within a second of a worker's death, naming the
        tasks that the workers had in hand.
        """
        if not self.executor:
            for task in tasks:
                result = function(task)
                interruption.check()  # which the task may have taken for an error of its own
                yield task, result
            return
        waiting: deque[tuple[Task, Future]] = deque()
        try:
            for task in tasks:
                waiting.append((task, self._submit(function, task)))
                if len(waiting) == in_flight(self.workers):
                    yield _first_finished(waiting)
            while waiting:
                yield _first_finished(waiting)
        except BrokenProcessPool as error:
            raise StagewiseError(self._death(waiting)) from error
        finally:
            for _, future in waiting:  # of a stream that was left early; the pool goes on with the next one
                future.cancel()

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future:
        with interruption.Held():  # a worker may start here
            try:
                return self.executor.submit(function, task)
            except OSError as error:
                if error.errno is None:  # Python's own "handle is closed": a worker died while this one was started
                    raise BrokenProcessPool(str(error)) from error
                raise

    def _death(self, waiting: Sequence[tuple[Task, Future]]) -> str:
        # workers take tasks in their order, so that the first unfinished ones are those in their hands
        unfinished = [str(task) for task, future in waiting if not future.done() or future.exception()]
        first, *others = unfinished[: self.workers] or [None]
        when = "with no task in hand" if first is None else f"while processing {first}"
        also = f" (other workers had in hand: {'; '.join(others)})" if others else ""
        return (
            f"a worker process died (killed, or out of memory) {when}; {way_on()}, "
            f"with fewer --workers if memory was short{also}"
        )


def _first_finished(waiting: deque[tuple[Task, Future]]) -> tuple[Task, object]:
    task, future = waiting[0]
    result = future.result()
    waiting.popleft()
    return task, result
