"""Worker processes that hand back results in order, and whose death is an error instead of a hang."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from stagewise.machine import interruption
from stagewise.machine.processor import available_cpus
from stagewise.messages.errors import StagewiseError, way_on

Task = TypeVar("Task")
Result = TypeVar("Result")
Waiting = deque[tuple[int, object, Future]]  # tasks that were begun, in their order


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def one_thread() -> None:
    """One thread for OpenCV and for NumPy's products in this process, as the workers are the parallelism.

    On a busy machine, OpenBLAS' threads wait for each other without end: eight minutes for a batch of tiny clips.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read while NumPy is loaded, which OpenCV does
    import cv2

    cv2.setNumThreads(1)


def _start_worker() -> None:
    """As `one_thread`; and no life without the parent."""
    one_thread()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def in_flight(workers: int) -> int:
    """The most tasks that `in_order` has begun and not yet yielded: two for each worker, and the next to come."""
    return 2 * workers + 1


class WorkerPool:
    """`workers` fresh (spawned) processes, None for one a core; with 0, the tasks run in the calling process.

    A context manager: leaving it ends the processes and drops what they had not begun.
    """

    def __init__(self, workers: int | None) -> None:
        self.workers = workers = available_cpus() if workers is None else workers
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
        for _, task, result in self._results(function, tasks, _first_begun):
            yield task, result

    def as_they_come(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """Yield each task's place with `function(task)` as soon as that is there: no worker waits for a slow one.

        Raises what `in_order` does.
        """
        for number, _, result in self._results(function, tasks, _first_ended):
            yield number, result

    def _results(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], first: Callable[[Waiting], int]
    ) -> Iterator[tuple[int, Task, Result]]:
        if not self.executor:
            for number, task in enumerate(tasks):
                result = function(task)
                interruption.check()  # which the task may have taken for an error of its own
                yield number, task, result
            return
        waiting: Waiting = deque()
        try:
            for number, task in enumerate(tasks):
                waiting.append((number, task, self._submit(function, task)))
                if len(waiting) == in_flight(self.workers):
                    yield _taken(waiting, first(waiting))
            while waiting:
                yield _taken(waiting, first(waiting))
        except BrokenProcessPool as error:
            raise StagewiseError(self._death(waiting)) from error
        finally:
            for _, _, future in waiting:  # of a stream that was left early; the pool goes on with the next one
                future.cancel()

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future:
        with interruption.Held():  # a worker may start here
            try:
                return self.executor.submit(function, task)
            except OSError as error:
                if error.errno is None:  # Python's own "handle is closed": a worker died while this one was started
                    raise BrokenProcessPool(str(error)) from error
                raise

    def _death(self, waiting: Waiting) -> str:
        # workers take tasks in their order, so that the first unfinished ones are those in their hands
        unfinished = [str(task) for _, task, future in waiting if not future.done() or future.exception()]
        first, *others = unfinished[: self.workers] or [None]
        when = "with no task in hand" if first is None else f"while processing {first}"
        also = f" (other workers had in hand: {'; '.join(others)})" if others else ""
        return (
            f"a worker process died (killed, or out of memory) {when}; {way_on()}, "
            f"with fewer --workers if memory was short{also}"
        )


def _first_begun(waiting: Waiting) -> int:
    return 0


def _first_ended(waiting: Waiting) -> int:
    ended = wait([future for *_, future in waiting], return_when=FIRST_COMPLETED).done
    return next(place for place, (*_, future) in enumerate(waiting) if future in ended)


def _taken(waiting: Waiting, place: int) -> tuple[int, object, object]:
    """The task at a place with its number and its result, waited for; where there is none, it stays."""
    number, task, future = waiting[place]
    result = future.result()
    del waiting[place]
    return number, task, result
