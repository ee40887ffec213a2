"""Tasks on a Ray cluster by actors, so that a machine that is lost takes its own tasks, and nobody waits for it.

Ray's plain tasks all stop for two minutes where a machine vanishes without a word, and for longer where one freezes:
the next ones are promised to it. An actor has its place already. What an actor has in hand when it dies is begun again
elsewhere, and what takes one far longer than others is begun a second time by one with nothing to do.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeVar

from stagewise.machine import cluster, interruption
from stagewise.machine.rounds import DEATHS, Held, Round, all_wait
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import StagewiseError, way_on

Task = TypeVar("Task")
Result = TypeVar("Result")

OF_MACHINE = "node has died"  # Ray's words for a worker whose whole machine is gone, with many others maybe
FORMER = -1  # the number of a copy of a task of an earlier round, whose result nobody waits for
GRACE = 3.0  # seconds at the end for copies of finished tasks, which are writing files


class ClusterPool:
    """Workers of a cluster, each of so many cores, or of a GPU as well where the cluster has any; a context manager.

    asked: of `--cluster`; workers: the cores that are wanted, None for all that the cluster has; cpus: for each worker
    at most, of a machine that has as many.
    """

    def __init__(self, asked: str, workers: int | None, cpus: int = 1, use_gpus: bool = False) -> None:
        self.asked, self.wanted, self.most_cpus, self.use_gpus = asked, workers, cpus, use_gpus
        self.held: dict[Any, Held] = {}  # by the reference to what will come
        self.idle: deque[Any] = deque()
        self.unready, self.silent = 0, True  # workers in a row that died at their start; since the last that was ready

    def __enter__(self) -> "ClusterPool":
        with ExitStack() as stack:
            self.address, self.ray = stack.enter_context(cluster.connected(self.asked))
            self.probe = stack.enter_context(cluster.probe())
            there = cluster.resources(self.ray)
            self.workers, self.cpus, self.gpus = cluster.sizes(there, self.wanted, self.most_cpus, self.use_gpus)
            options = dict(num_cpus=self.cpus, num_gpus=self.gpus, max_restarts=0, max_task_retries=0)
            self.kind = self.ray.remote(**options)(cluster.Worker)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        with self.stack:
            busy = [reference for reference, held in self.held.items() if held.number is not None]
            if kind is None and busy:
                self.ray.wait(busy, num_returns=len(busy), timeout=GRACE)

    def __str__(self) -> str:
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        return f"{workers} of the cluster at {self.address}, of {cluster.each(self.cpus, self.gpus)} each"

    def kill(self) -> None:
        """Nothing: the cluster ends the workers when the block is left."""

    def as_they_come(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """Yield each task's place with `function(task)` as soon as that is there, from whichever worker is the first.

        Raises what the function raised; StagewiseError where workers die again and again with the same task, or before
        they are ready, or do not see the root.
        """
        round_of = Round(len(tasks))
        for reference, held in self.held.items():
            self.held[reference] = held if held.number is None else replace(held, number=FORMER)
        for _ in range(min(self.workers, len(tasks)) - len(self.idle)):
            self._hire()
        while round_of.open:
            while self.idle and (number := round_of.next(self.held.values(), time.monotonic())) is not None:
                actor = self.idle.popleft()
                self._hold(actor, number, actor.run.remote(function, tasks[number]))
            for held, came in self._arrived():
                if came is None:
                    self._replace(held, round_of, tasks)
                elif held.number is None:
                    self._take_on(held, came)
                else:
                    self.idle.append(held.actor)
                    if round_of.end(held, time.monotonic()):
                        yield held.number, _result(came)

    def _hire(self) -> None:
        actor = self.kind.remote(cluster.settings(self.cpus), sys.path)
        self._hold(actor, None, actor.ready.remote(self.probe))

    def _hold(self, actor: Any, number: int | None, reference: Any) -> None:
        self.held[reference] = Held(actor, number, time.monotonic())

    def _arrived(self) -> Iterator[tuple[Held, Any]]:
        """Whoever has come to an end within a second, with what came; None where the worker is gone."""
        interruption.check()
        for reference in self.ray.wait(list(self.held), num_returns=1, timeout=1.0)[0]:
            held = self.held.pop(reference)
            try:
                yield held, self.ray.get(reference)
            except self.ray.exceptions.RayTaskError:
                raise  # not of the function, whose errors come as they are
            except self.ray.exceptions.RayError as error:
                self.why = " ".join(str(error).split())
                yield held, None
        if self.silent and all_wait(self.held.values(), time.monotonic()):
            print("waiting for the cluster: its cores are all taken, or gone", file=sys.stderr, flush=True)
            self.silent = False

    def _take_on(self, held: Held, wrong: str) -> None:
        """Take a worker that is ready. Raises StagewiseError where its machine is no place for it."""
        if wrong:
            raise StagewiseError(f"{wrong}; STAGEWISE_ROOT must be in a folder that all machines of the cluster share")
        self.unready, self.silent = 0, True
        self.idle.append(held.actor)

    def _replace(self, held: Held, round_of: Round, tasks: Sequence[object]) -> None:
        """Hire another worker for one that is gone, whose task is done again."""
        print(f"warning: a worker of the cluster is gone: {self.why}", file=sys.stderr, flush=True)
        if held.number is None:
            self.unready += OF_MACHINE not in self.why
        elif round_of.lose(held.number, self.held.values()):
            raise StagewiseError(
                f"{DEATHS} workers died with {tasks[held.number]} in hand, as the warnings above say; {way_on()}"
            )
        if self.unready == DEATHS:
            raise StagewiseError(
                "the cluster's workers die before they are ready, as the warnings above say; each machine must start "
                "Ray by this repository's environment: .venv/bin/ray start --address HOST:PORT"
            )
        self._hire()


def pool_of(workers: int | None, cluster: str | None) -> WorkerPool | ClusterPool:
    """Workers of the cluster that `--cluster` names, or processes of this machine; workers: as either counts them."""
    return ClusterPool(cluster, workers) if cluster else WorkerPool(workers)


def _result(came: tuple[object, Exception | None]) -> object:
    result, error = came
    if error is not None:
        raise error
    return result
