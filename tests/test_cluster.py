"""Ray clusters: every task counts once, whatever is killed or frozen meanwhile, and what cannot be is said at once.

Ray is in requirements-test.txt; without it the tests of a real cluster are skipped, saying so.
"""

import argparse
import collections
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from clips import make_videos, noise_frames, write_video
from house import REPOSITORY, started
from ray_cluster import ray_cluster

from stagewise.crops import extraction
from stagewise.files import paths, writers
from stagewise.machine import cluster
from stagewise.machine.cluster_pool import ClusterPool
from stagewise.machine.rounds import COPIES, DEATHS, SLOW, UNKNOWN, Held, Round, all_wait
from stagewise.messages.errors import InputError, StagewiseError
from stagewise.training import all_folds
from stagewise.training.fold_cluster import ClusterQueue, cores_each, memory_each
from stagewise.training.fold_queue import Chain

R01, R30 = "preproc_data/r01_extract_roi.py", "net_d121_stage3_tier1/r30_train_folds.py"
REAL = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is in requirements-test.txt"),
]
COUNT = 24


def held(number: int | None, since: float = 0.0) -> Held:
    return Held(object(), number, since)


def test_every_task_is_begun_in_order_and_ends_once():
    tasks = Round(3)
    begun = [held(tasks.next((), 0.0)) for _ in range(3)]
    assert [one.number for one in begun] == [0, 1, 2]
    assert [tasks.end(one, 1.0) for one in (*begun, *begun)] == [True] * 3 + [False] * 3 and not tasks.open


def test_a_task_that_is_late_is_begun_again_by_who_has_nothing_to_do_the_oldest_and_least_copied_first():
    tasks = Round(4)
    first, *others = [held(tasks.next((), 0.0), float(number)) for number in range(4)]
    assert tasks.end(first, 10.0)  # took 10 seconds
    assert tasks.next(others, SLOW * 10.0) is None
    assert tasks.next(others, SLOW * 10.0 + 1.5) == 1
    others.append(held(1, 22.0))
    assert tasks.next(others, SLOW * 10.0 + 2.5) == 2
    assert {tasks.next([held(1) for _ in range(copies)], 99.0) for copies in (1, 2)} == {1}
    assert tasks.next([held(1) for _ in range(COPIES)], 99.0) is None


def test_the_task_of_a_lost_worker_is_next_unless_another_has_it_and_three_deaths_are_too_many():
    tasks = Round(3)
    lost = held(tasks.next((), 0.0))
    assert not tasks.lose(lost.number, [held(0)]) and tasks.next((), 0.0) == 1
    assert not tasks.lose(lost.number, ()) and tasks.next((), 0.0) == 0
    assert DEATHS == 3 and tasks.lose(lost.number, ())


@pytest.mark.parametrize(
    ("asked", "settings", "said"),
    [
        ("ray://head:10001", {}, "--cluster ray://head:10001 is for a client from outside"),
        ("auto", {"RAY_ADDRESS": "ray://head:10001"}, "RAY_ADDRESS ray://head:10001 is for a client"),
        ("head", {}, "--cluster 'head' is no cluster; give auto, or HOST:PORT"),
        ("head:x", {}, "is no cluster"),
        ("http://head:8265", {}, "--cluster 'http://head:8265' is no cluster; give auto, or HOST:PORT"),
        ("auto", {"RAY_ADDRESS": "http://head:8265"}, "RAY_ADDRESS 'http://head:8265' is no cluster"),
        ("auto", {"RAY_ADDRESS": "auto"}, "no Ray cluster runs on this machine; start one: ray start --head"),
        ("auto", {}, "no Ray cluster runs on this machine; start one: ray start --head"),
    ],
)
def test_what_is_no_cluster_to_be_a_part_of_is_bad_usage(asked, settings, said, monkeypatch, tmp_path):
    for name, value in {"RAY_TMPDIR": str(tmp_path), "RAY_ADDRESS": "", **settings}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        cluster.address_of(asked)


def test_the_address_that_ray_has_written_down_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray").mkdir()
    (tmp_path / cluster.ADDRESS).write_text("10.0.0.7:6379\n")
    assert cluster.address_of("auto") == "10.0.0.7:6379"


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        (R01, ["--shard", "1/2"], "leave out --shard, or --cluster"),
        (R01, ["--workers", "0"], "--workers 0 is this process alone"),
        ("net_d121_stage3_tier1/r42_process_test.py", ["--shard", "1/2"], "leave out --shard, or --cluster"),
        ("net_d121_stage3_tier1/r42_process_test.py", ["--adaptive"], "leave out --adaptive, or --cluster"),
        ("net_d121_stage3_tier1/r42_process_test.py", ["--gpu", "1"], "leave out --gpu 1, or --cluster"),
        (R30, ["--force"], "leave out --force"),
        (R30, ["--gpu", "1"], "leave out --gpu 1, or --cluster"),
    ],
)
def test_what_does_not_go_with_a_cluster_is_refused_before_it_is_asked(script, options, said, root):
    command = [sys.executable, str(REPOSITORY / script), "--cluster", "127.0.0.1:1", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("machines", "wanted", "use_gpus", "found"),
    [
        ([{"CPU": 8.0}, {"CPU": 16.0}, {"memory": 1.0}], None, False, (6, 4, 0)),
        ([{"CPU": 8.0}, {"CPU": 2.0}], None, False, (5, 2, 0)),
        ([{"CPU": 8.0}], 5, False, (1, 4, 0)),
        ([{"CPU": 8.0}], 1, False, (1, 4, 0)),
        ([{"CPU": 8.0, "GPU": 8.0}], None, True, (8, 1, 1)),  # no GPU waits for the cores of another
        ([{"CPU": 64.0, "GPU": 2.0}, {"CPU": 64.0}], None, True, (2, 4, 1)),
        ([{"CPU": 64.0, "GPU": 8.0}], 8, True, (2, 4, 1)),
        ([{"CPU": 2.0, "GPU": 8.0}], None, True, (2, 1, 1)),
        ([{"CPU": 8.0}, {"GPU": 1.0}], None, True, (2, 4, 0)),  # whose GPU nobody can use without a core
    ],
)
def test_every_worker_has_a_place_on_the_machines_there_are(machines, wanted, use_gpus, found):
    assert cluster.sizes(machines, wanted, 4, use_gpus) == found


def test_a_cluster_without_a_core_is_refused():
    with pytest.raises(StagewiseError, match="no core to give"):
        cluster.sizes([{"memory": 1.0}, {"GPU": 1.0}], None, 1, True)


@pytest.mark.parametrize(
    ("machines", "gpu", "asked", "found"),
    [
        ([{"CPU": 64.0, "GPU": 8.0}, {"CPU": 16.0, "GPU": 1.0}, {"CPU": 2.0}], None, None, 8),
        ([{"CPU": 8.0}, {"CPU": 4.0}], "none", None, 4),
        ([{"CPU": 8.0}, {"CPU": 4.0}], "none", 6, 6),
        ([{"CPU": 8.0}], "none", 0, 1),
        ([{"CPU": 8.0}, {"CPU": 4.0}], "none", 9, "takes 9 cores of one machine, .* 8 at most; give --workers 8"),
        ([{"CPU": 64.0}, {"CPU": 4.0, "GPU": 1.0}], None, 6, "of the cluster with a GPU have 4 at most"),
        ([{"GPU": 1.0}, {"CPU": 4.0}], None, None, "machines with a GPU have no core to give"),
        ([{"CPU": 4.0}], None, None, "has no GPU; .* --gpu none"),
        ([{"memory": 1.0}], "none", None, "has no core"),
    ],
)
def test_a_training_that_no_machine_has_the_place_for_is_refused_and_not_waited_for(machines, gpu, asked, found):
    if isinstance(found, int):
        assert cores_each(machines, gpu, asked) == found
        return
    with pytest.raises(InputError, match=found):
        cores_each(machines, gpu, asked)


@pytest.mark.parametrize(
    ("machine", "gpu", "cores", "option"),
    [
        ({"CPU": 8.0, "GPU": 4.0}, None, 2, ("--memory", "16.00")),
        ({"CPU": 8.0, "GPU": 4.0}, None, 4, ("--memory", "32.00")),  # no cores for more than two
        ({"CPU": 8.0}, "none", 2, ("--memory", "16.00")),
        ({"CPU": 8.0, "GPU": 1.0}, None, 2, ()),
        ({"CPU": 8.0}, "none", 8, ()),
    ],
)
def test_trainings_that_share_a_machine_share_its_memory(machine, gpu, cores, option):
    alone = {"CPU": float(cores), "GPU": 1.0, "memory": float(8 << 30)}
    assert memory_each([alone, machine | {"memory": float(64 << 30)}], gpu, cores) == option


def test_a_training_elsewhere_has_the_whole_path_of_the_split(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = dict(split=Path("mine.csv"), seed=1, preset="demo", workers=None, memory=None, cluster="auto")
    words = all_folds._common(argparse.Namespace(**asked), 0)
    assert words[:2] == ["--split", str(tmp_path / "mine.csv")]


def test_that_nothing_is_done_is_known_by_workers_that_all_wait_for_their_place():
    late = 1.0 + UNKNOWN
    assert all_wait([held(None), held(None)], late) and not all_wait([], late)
    assert not all_wait([held(None), held(3)], late)
    assert not all_wait([held(None), held(None, 2.0)], late)


def test_workers_that_die_at_their_start_are_an_error_unless_their_machine_was_lost(monkeypatch):
    monkeypatch.setattr(ClusterPool, "_hire", lambda pool: None)
    pool = ClusterPool("auto", None)
    pool.why = "The actor died because its node has died. Node Id: 5f"
    for _ in range(DEATHS + 1):
        pool._replace(held(None), Round(1), [0])
    pool.why = "ModuleNotFoundError: No module named 'stagewise'"
    for _ in range(DEATHS - 1):
        pool._replace(held(None), Round(1), [0])
    with pytest.raises(StagewiseError, match="die before they are ready"):
        pool._replace(held(None), Round(1), [0])


def test_the_file_by_which_a_worker_knows_the_root_is_gone_at_the_end_and_that_of_a_killed_driver_by_the_next(root):
    here = writers.place()
    (root / f"{writers.TEMPORARY}{here}-{2**22 + 1}-00000000-cluster").touch()  # a number that no process has
    with cluster.probe() as probe:
        assert list(root.iterdir()) == [probe]
    assert not list(root.iterdir())


def test_without_ray_that_is_said_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs Ray; run: .* -r requirements-cluster\.txt"):
        cluster.require("auto")
    cluster.require(None)


@pytest.fixture(scope="module")
def running():
    """A cluster of a head without cores and of two nodes of one core each."""
    with ray_cluster() as running:
        yield running


@pytest.fixture
def whole(running):
    """The cluster, whose lost nodes are replaced when a test has ended."""
    yield running
    running.mend()


def square(number: int) -> tuple[int, int]:
    time.sleep(0.2)
    return number**2, os.getpid()


def refuse(number: int) -> None:
    raise InputError(f"task {number} is bad")


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def outputs() -> dict[Path, bytes]:
    folder = paths.modified_data_folder()
    files = [path for path in folder.rglob("[!.]*") if path.is_file() and path.suffix != ".lock"]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def make_many(count: int) -> None:
    make_videos(count=1)
    (video,) = paths.videos_folder("train").iterdir()
    for number in range(1, count):
        shutil.copy(video, video.with_name(f"{100_000 + number}.mp4"))


def wait_for(true: Callable[[], object], process: subprocess.Popen | None = None) -> None:
    latest = time.monotonic() + 120
    while not true():
        assert time.monotonic() < latest and (process is None or process.poll() is None)
        time.sleep(0.02)


# A training of three epochs that goes on behind the last one that it noted.
TRAINING = """
import pathlib, sys, time
name, notes = sys.argv[1], pathlib.Path(__file__).with_name("notes.txt")
def note(line):
    with notes.open("a") as file:
        file.write(f"{line} {name}\\n")
notes.touch()
for epoch in range(sum(line.startswith("epoch") and line.endswith(name) for line in notes.read_text().splitlines()), 3):
    time.sleep(0.5)
    note(f"epoch {epoch}")
note("ends")
sys.exit(3 if name == "b2" else 0)
"""


def notes() -> list[str]:
    path = paths.root() / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


class TestRealCluster:
    """On one machine."""

    pytestmark = REAL

    @pytest.mark.parametrize("what", ["a worker", "a frozen node"])
    def test_whatever_is_lost_every_task_comes_once_and_nobody_waits_long(self, whole, root, what):
        found, times = collections.Counter(), []
        with ClusterPool(whole.address, None) as pool:
            for number, (squared, _) in pool.as_they_come(square, range(COUNT)):
                found[number, squared] += 1
                times.append(time.monotonic())
                if len(found) == COUNT // 4:
                    whole.harm(what)
            assert pool.workers == 2
        assert found == collections.Counter((number, number**2) for number in range(COUNT))
        assert max(later - earlier for earlier, later in pairwise(times)) < 10
        assert list(root.iterdir()) == []

    def test_a_pool_is_asked_twice_by_the_same_worker_and_a_task_left_over_from_the_first_time_is_none_of_the_second(
        self, whole, root
    ):
        with ClusterPool(whole.address, 1) as pool:
            first = pool.as_they_come(square, range(3))
            workers = {next(first)[1][1]}
            first.close()  # while the next one is being done
            found = dict(pool.as_they_come(square, range(5, 8)))
        assert {number: squared for number, (squared, _) in found.items()} == {0: 25, 1: 36, 2: 49}
        assert workers == {pid for _, pid in found.values()}

    def test_an_error_of_the_function_comes_as_it_is(self, whole, root):
        with ClusterPool(whole.address, None) as pool, pytest.raises(InputError, match=r"^task 0 is bad$"):
            list(pool.as_they_come(refuse, range(1)))

    def test_a_task_that_kills_its_workers_is_named(self, whole, root):
        with (
            ClusterPool(whole.address, None) as pool,
            pytest.raises(StagewiseError, match="3 workers died with 0 in hand"),
        ):
            list(pool.as_they_come(die, range(1)))

    def test_a_machine_that_does_not_share_the_root_is_named(self, whole, root, monkeypatch):
        with ClusterPool(whole.address, None) as pool:
            pool.probe = root / "elsewhere" / "probe"
            with pytest.raises(StagewiseError, match=r"does not see what lies in .*elsewhere; STAGEWISE_ROOT must be"):
                list(pool.as_they_come(square, range(1)))

    def test_where_nothing_or_something_else_answers_is_said_soon(self, whole, root):
        with pytest.raises(StagewiseError, match=r"nothing answers at 127\.0\.0\.1:1"):
            ClusterPool("127.0.0.1:1", None).__enter__()

    def test_extraction_makes_a_single_runs_bytes_though_a_node_and_then_the_driver_are_killed(self, whole, root):
        make_many(40)
        write_video(paths.videos_folder("train") / "200001.mp4", noise_frames(4))
        extraction.extract_subset("train", 0)
        single = outputs()
        shutil.rmtree(paths.modified_data_folder())

        process = subprocess.Popen([sys.executable, str(REPOSITORY / R01), "train", "--cluster", whole.address])
        wait_for(lambda: len(list(paths.roi_folder("train").glob("*.pklz"))) > 4, process)
        whole.harm("a node")
        wait_for(lambda: len(list(paths.roi_folder("train").glob("*.pklz"))) > 12, process)
        process.kill()
        process.wait()
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / R01), "train", "--cluster", whole.address, "--keep-going"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 5 and f"of the cluster at {whole.address}" in done.stdout, done.stderr
        assert outputs() == single

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_the_driver_with_its_one_line_and_the_workers_with_it(self, whole, root, number, code):
        make_many(400)
        process = started([sys.executable, str(REPOSITORY / R01), "train", "--cluster", whole.address])
        wait_for(lambda: list(paths.roi_folder("train").glob("*.pklz")), process)
        process.send_signal(number)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == code and messages.splitlines()[-1] == "interrupted; run the same command to resume"
        wait_for(lambda: not whole.workers(0) + whole.workers(1))

    @pytest.mark.parametrize("what", ["a worker", "a node"])
    def test_a_fold_goes_on_elsewhere_when_its_machine_is_lost_and_a_failure_ends_its_own_chain(
        self, whole, root, capsys, what
    ):
        (root / "train.py").write_text(TRAINING)
        names = [[f"{stage}{fold}" for stage in "ab"] for fold in range(3)]
        chains = [
            Chain(f"fold {fold}", tuple((str(root / "train.py"), name) for name in names[fold])) for fold in range(3)
        ]
        breaking = threading.Thread(target=lambda: (wait_for(lambda: len(notes()) >= 3), whole.harm(what)))
        breaking.start()
        failures = ClusterQueue(whole.address, "none", None).train(chains)
        breaking.join()
        assert [(failure.words[1], failure.code) for failure in failures] == [("b2", 3)]
        told = collections.Counter(notes())  # no epoch twice, none missing
        every = [
            f"{what} {name}" for fold in names for name in fold for what in ("epoch 0", "epoch 1", "epoch 2", "ends")
        ]
        assert told == collections.Counter(every)
        assert re.search("fold [0-2]: lost: ", capsys.readouterr().out)
        assert all("$ python" in chain.log.read_text() for chain in chains)
