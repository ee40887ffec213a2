"""A bounded share of the faults that `bench/faults.sh` tries in full: nothing lost, nothing wrong, nothing left."""

import math
import signal

import pytest
from injection import KINDS, Fault, Signal, missing_tool
from trials import Bench, steps
from verdicts import complaints_about_signal

from stagewise.files.locks import owned

pytestmark = pytest.mark.skipif(bool(missing_tool()), reason=missing_tool() or "the tools are there")

SHARE = [  # script, kind of fault, and how far through the calls of that kind
    ("r01", "read error", 0.5),
    ("r01", "disk full", 0.3),
    ("r01", "flush error", 0.8),
    ("r01", "kill", 0.6),
    *(("r03", kind, place) for kind in KINDS for place in (0.01, 0.6)),
    pytest.param("r31 stage 1", "write error", 0.4, marks=pytest.mark.slow),
    ("r31 stage 1", "disk full", 0.7),
    ("r31 stage 1", "kill", 0.9),
    pytest.param("r42", "read error", 0.95, marks=pytest.mark.slow),
    ("r42", "kill", 0.6),
    ("r05", "write error", 0.6),
    ("r05", "disk full", 0.8),
    ("r05", "flush error", 0.4),
    *(("r05", "kill", place) for place in (0.2, 0.6, 1.0)),
    pytest.param("r51", "disk full", 0.5, marks=pytest.mark.slow),
]
SIGNALS = [  # script, signal, whom it reaches, and after how many seconds: in the middle of its work
    ("r01", signal.SIGTERM, "main", 0.7),
    ("r01", signal.SIGTERM, "group", 0.9),
    ("r01", signal.SIGINT, "group", 0.8),
    ("r01", signal.SIGKILL, "worker", 0.5),
    ("r31 stage 1", signal.SIGTERM, "group", 2.0),
    ("r31 stage 1", signal.SIGKILL, "worker", 1.0),
    ("r42", signal.SIGINT, "group", 0.7),
]

NEVER = Signal(int(signal.SIGINT), "group", float("inf"))  # two workers, and no signal
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


@pytest.mark.parametrize(
    "name", ["r01", *(pytest.param(name, marks=pytest.mark.slow) for name in ("r31 stage 1", "r42"))]
)
def test_ctrl_c_is_one_line_at_any_moment_of_the_work(bench, name):
    step = bench.step(name)
    seconds = bench.run(step, bench.fresh_root(step), NEVER).seconds
    for place in PLACES:
        trouble = Signal(int(signal.SIGINT), "group", place * seconds)
        outcome = bench.run(step, bench.fresh_root(step), trouble)
        assert list(complaints_about_signal(outcome, trouble)) == [], trouble
        assert outcome.left_behind == outcome.shared_memory == []


@pytest.mark.parametrize("number", range(len(steps(None))))
def test_ctrl_c_is_one_line_while_a_script_comes_up(bench, number):
    step = bench.steps[number]
    assert list(bench.interrupt(step, 0.2 + 0.1 * number)) == []


def test_a_fold_that_another_process_trains_is_busy_and_the_line_says_who_has_it(bench):
    step = bench.step("r31 stage 1")
    root = bench.fresh_root(step)
    with owned(root / "models" / "net_d121_stage1" / "fold_0" / ".lock", "the fold"):
        outcome = bench.run(step, root)
    assert outcome.code == 4
    assert "error: models/net_d121_stage1/fold_0 is in use by process" in outcome.output
    assert bench.run(step, root).code == 0


def test_the_lock_of_a_killed_process_is_taken_over_saying_so(bench):
    step = bench.step("r31 stage 1")
    root = bench.fresh_root(step)
    lock = root / "models" / "net_d121_stage1" / "fold_0" / ".lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("process 12345 on elsewhere\n")
    assert "fold_0: taken over from process 12345 on elsewhere, which was killed" in bench.run(step, root).output
