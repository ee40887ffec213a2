"""Results come in order; a worker that dies is an error within seconds, and no process outlives its parent."""

import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import SimpleNamespace

import pytest

from stagewise.files.journals import Index
from stagewise.machine.making import make_all
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError, StagewiseError


def square(task: int) -> int:
    time.sleep(0.02 * (task % 3))  # so that later tasks finish first
    return task * task


def die(task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def process_of(task: int) -> int:
    return os.getpid()


def threads_of_products(task: int) -> int:
    import numpy as np
    from threadpoolctl import threadpool_info

    assert np.ones((2, 2)) @ np.ones(2) is not None
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def refuse(task: int) -> int:
    raise InputError(f"task {task} is bad")


def slow_first(task: int) -> int:
    time.sleep(2.0 * (task == 0))
    return task * task


def test_as_they_come_a_slow_task_stops_no_other_and_each_has_its_place():
    with WorkerPool(2) as pool:
        list(pool.in_order(abs, range(4)))  # the processes are up
        found = list(pool.as_they_come(slow_first, range(12)))
    assert sorted(found) == [(number, number**2) for number in range(12)] and found[-1] == (0, 0)


class Backwards:
    """A pool whose last task is done first."""

    def as_they_come(self, function, tasks):
        yield from ((number, function(tasks[number])) for number in reversed(range(len(tasks))))


def test_what_is_made_in_another_order_is_a_table_in_the_tasks_order(root):
    index = Index(root / "table.csv", ("filename", "status"), "the making")
    tasks = [SimpleNamespace(known=None, made=lambda row: (), name=f"{number}.mp4") for number in range(5)]
    with index.journaling() as journal:
        rows = make_all(tasks, lambda task: {"filename": task.name, "status": "ok"}, journal, Backwards(), ("a", "b"))
        index.write(rows)
    assert index.path.read_text().splitlines()[1:] == [f"{number}.mp4,ok" for number in range(5)]


@pytest.mark.parametrize("workers", [0, 3])
def test_results_come_in_the_tasks_order(workers):
    with WorkerPool(workers) as pool:
        assert list(pool.in_order(square, range(12))) == [(task, task * task) for task in range(12)]


def test_a_worker_computes_in_one_thread():
    with WorkerPool(1) as pool:
        assert [found for _, found in pool.in_order(threads_of_products, [0])] == [1]


def test_tasks_are_drawn_only_a_little_ahead():
    drawn = []

    def tasks():
        for task in range(100):
            drawn.append(task)
            yield task

    with WorkerPool(2) as pool:
        next(pool.in_order(square, tasks()))
    assert len(drawn) <= 6


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_task_reaches_the_caller(workers):
    with WorkerPool(workers) as pool, pytest.raises(InputError, match="task 0 is bad"):
        list(pool.in_order(refuse, range(3)))


def test_a_killed_worker_is_an_error_that_names_the_task_among_those_in_hand_within_ten_seconds():
    with WorkerPool(2) as pool:
        list(pool.in_order(square, range(4)))  # the processes are up
        start = time.monotonic()
        with pytest.raises(
            StagewiseError, match=r"died .* while processing \d; run the same command to resume"
        ) as error:
            list(pool.in_order(die, range(50)))
        assert time.monotonic() - start < 10
    named = [int(number) for number in re.findall(r"\b\d+\b", str(error.value))]
    assert 3 in named and len(named) <= 2


def test_a_worker_that_died_between_two_streams_had_no_task_in_hand():
    with WorkerPool(1) as pool:
        ((_, worker),) = pool.in_order(process_of, [0])
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not pool.executor._broken and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(StagewiseError, match=r"died \(killed, or out of memory\) with no task in hand; run the"):
            list(pool.in_order(square, [1]))


def test_a_worker_killed_while_another_is_started_is_the_same_error(monkeypatch):
    """Python has by then closed the queue that it wants to give to the new one."""
    started, start = [], SpawnProcess.start

    def start_after_a_death(process: SpawnProcess) -> None:
        if started:
            started[0].kill()
            deadline = time.monotonic() + 2
            while not pool.executor._call_queue._reader.closed and time.monotonic() < deadline:
                time.sleep(0.01)
        started.append(process)
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", start_after_a_death)
    with WorkerPool(2) as pool, pytest.raises(StagewiseError, match=r"a worker process died .* while processing 0"):
        list(pool.in_order(square, range(4)))


def test_workers_end_with_a_killed_parent(tmp_path):
    (tmp_path / "probe.py").write_text("import os\ndef pid(task):\n    return os.getpid()\n")
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\nfrom probe import pid\nfrom stagewise.machine.workers import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(2)\n"
        "    print(*(found for _, found in pool.in_order(pid, range(8))), flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    children = {int(pid) for pid in parent.stdout.readline().split()}
    assert children
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
