"""A bounded share of the faults that `bench/faults.sh` tries in full: nothing lost, nothing wrong, nothing left."""

import math
import shutil
import signal
from itertools import cycle

import made_stages
import pytest
from injection import KINDS, Fault, Signal, missing_tool
from steps import steps
from trials import Bench
from verdicts import complaints_about_fault, complaints_about_signal, hashes

from stagewise.files import writers
from stagewise.files.locks import owned
from stagewise.files.writers import TEMPORARY
from stagewise.recipes.vote import THRESHOLDS

pytestmark = pytest.mark.skipif(bool(missing_tool()), reason=missing_tool() or "the tools are there")


def slow(*values: object):
    return pytest.param(*values, marks=pytest.mark.slow)


SHARE = [  # script, kind of fault, and how far through the calls of that kind
    ("r01", "read error", 0.5),
    ("r01", "disk full", 0.3),
    ("r01", "flush error", 0.8),
    ("r01", "kill", 0.6),
    *(("r03", kind, place) for kind in KINDS for place in (0.01, 0.6)),
    slow("r31 stage 1", "write error", 0.4),
    slow("r31 stage 1", "disk full", 0.7),
    ("r31 stage 1", "kill", 0.9),
    slow("r42", "read error", 0.95),
    ("r42", "kill", 0.6),
    ("r05", "write error", 0.6),
    ("r05", "disk full", 0.8),
    ("r05", "flush error", 0.4),
    *(("r05", "kill", place) for place in (0.2, 0.6, 1.0)),
    slow("r51", "disk full", 0.5),
    slow("r101 r32", "disk full", 0.6),
    slow("r101 r41", "flush error", 0.5),
    slow("vote r32", "write error", 0.7),
    slow("vote r41", "rename error", 0.6),
    slow("join r61", "kill", 0.6),
]
HALF_WRITTEN = [  # script, how far through its changes of files it is killed, and what it is writing then
    slow("r101 r31", 0.5, "snapshot_0002.weights.h5"),
    slow("vote r42", 0.38, "third_place_vote_mc3_test_detailed.csv"),
]
SIGNALS = [  # script, signal, whom it reaches, and after how many seconds: in the middle of its work
    ("r01", signal.SIGTERM, "main", 0.7),
    ("r01", signal.SIGTERM, "group", 0.9),
    ("r01", signal.SIGINT, "group", 0.8),
    ("r01", signal.SIGKILL, "worker", 0.5),
    ("r31 stage 1", signal.SIGTERM, "group", 2.0),
    slow("r31 stage 1", signal.SIGKILL, "worker", 1.0),
    ("r42", signal.SIGINT, "group", 0.7),
    slow("r101 r32", signal.SIGTERM, "group", 2.0),
    slow("vote r42", signal.SIGKILL, "worker", 1.0),
]

NEVER = Signal(int(signal.SIGINT), "group", float("inf"))  # two workers, and no signal
LOOKS = ("r50", "r51", "r52", "r53")  # which the longest way of runs leads to
PLACES = (0.1, 0.35, 0.6, 0.85)  # of the time that an undisturbed run takes


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench(tmp_path_factory.mktemp("faults")) as bench:
        yield bench


@pytest.mark.parametrize(("name", "kind", "place"), SHARE)
def test_after_a_fault_the_same_command_leaves_the_files_of_an_undisturbed_run(bench, name, kind, place):
    step = bench.step(name)
    call = math.ceil(place * bench.calls(step)[kind])
    assert list(bench.attempt(step, Fault(kind, call))) == []


@pytest.mark.parametrize(("name", "place", "file"), HALF_WRITTEN)
def test_what_a_kill_left_half_written_is_whole_after_the_same_command(bench, name, place, file):
    step = bench.step(name)
    call, root = math.ceil(place * bench.calls(step)["kill"]), bench.fresh_root(step)
    assert bench.run(step, root, Fault("kill", call)).happened
    assert list(root.rglob(f"{TEMPORARY}*-{file}"))
    assert list(bench.again(step, root, bench.after(step))) == []


@pytest.mark.parametrize("kind", ["disk full", "kill"])
def test_a_vote_that_a_fault_ended_is_made_whole_by_the_same_command(bench, monkeypatch, kind):
    # on tables that are made: three nets' trainings would take longer
    root, table, step = bench.roots / f"vote {kind}", made_stages.clips(24), bench.step("vote r61")
    root.mkdir()
    monkeypatch.setenv("STAGEWISE_ROOT", str(root))
    made_stages.ask()
    for seed, net in enumerate(THRESHOLDS):
        made_stages.write_stage(net, table, made_stages.guesses(table["stalled"], 2.0, seed))
    straight = shutil.copytree(root, bench.roots / f"straight {kind}")
    undisturbed = bench.run(step, straight)
    assert undisturbed.code == 0, undisturbed.output
    outcome = bench.run(step, root, Fault(kind, math.ceil(0.6 * undisturbed.calls[kind])))
    assert list(complaints_about_fault(outcome)) == []
    assert list(bench.again(step, root, hashes(straight))) == []


def test_a_fault_is_seen_where_nothing_guards_against_it(bench, tmp_path):
    # the tool's own test: a script that writes without care loses its file
    careless = bench.code / "careless.py"
    careless.write_text(f"with open({str(bench.roots / 'precious.txt')!r}, 'w') as file:\n    file.write('x' * 100)\n")
    outcome = bench.zygote.run(("careless.py",), tmp_path, Fault("disk full", 2))
    assert (outcome.code, outcome.happened) == (70, True)
    assert (bench.roots / "precious.txt").read_text() == "x" * 50


def test_reads_are_counted_below_the_folder_alone(bench, tmp_path):
    (tmp_path / "outside.txt").write_text("x")
    (bench.roots / "inside.txt").write_text("x")
    script = bench.code / "reader.py"
    script.write_text(f"for path in ({str(tmp_path / 'outside.txt')!r}, {str(bench.roots / 'inside.txt')!r}):\n"
                      "    open(path, 'rb', buffering=0).read(1)\n")  # fmt: skip
    outcome = bench.zygote.run(("reader.py",), tmp_path)
    assert outcome.calls["read error"] == 2  # to open it, and to read


@pytest.mark.parametrize(("name", "number", "target", "after"), SIGNALS)
def test_a_signal_ends_a_script_with_its_code_and_its_line_and_nothing_is_lost(bench, name, number, target, after):
    assert list(bench.attempt(bench.step(name), Signal(int(number), target, after))) == []


@pytest.mark.parametrize("name", ["r01", *map(slow, ("r31 stage 1", "r42", "vote r61"))])
def test_ctrl_c_is_one_line_at_any_moment_of_the_work(bench, name):
    step = bench.step(name)
    seconds = bench.run(step, bench.fresh_root(step), NEVER).seconds
    for place in PLACES:
        trouble = Signal(int(signal.SIGINT), "group", place * seconds)
        outcome = bench.run(step, bench.fresh_root(step), trouble)
        assert list(complaints_about_signal(outcome, trouble)) == [], trouble
        assert outcome.left_behind == outcome.shared_memory == []


@pytest.mark.parametrize(
    ("name", "after"),
    [
        (step.name, after) if step.recipe in ("", "d121") and step.name not in LOOKS else slow(step.name, after)
        for step, after in zip(steps(None), cycle(number / 10 for number in range(2, 17)))
    ],
)
def test_ctrl_c_is_one_line_while_a_script_comes_up(bench, name, after):
    assert list(bench.interrupt(bench.step(name), after)) == []


def test_a_fold_that_another_process_trains_is_busy_and_is_taken_over_from_a_killed_one_saying_so(bench):
    step = bench.step("r31 stage 1")
    root = bench.fresh_root(step)
    lock = root / "models" / "net_d121_stage1" / "fold_0" / ".lock"
    with owned(lock, "the fold"):
        outcome = bench.run(step, root)
    assert outcome.code == 4
    assert "error: models/net_d121_stage1/fold_0 is in use by process" in outcome.output
    lock.write_text(f"process 999999999 on elsewhere\n{writers.place()}\n")
    outcome = bench.run(step, root)
    assert outcome.code == 0
    assert "fold_0: taken over from process 999999999 on elsewhere, which was killed" in outcome.output
