"""Folds side by side on several GPUs: no fold waits for another, and one that fails stops itself alone."""

import re
import signal
import sys
import time
from pathlib import Path

import pytest
from house import RANDOM, SMALLEST, TRAIN, House, started

from stagewise.files import paths
from stagewise.machine import backends, gpus
from stagewise.messages.commands import BEGUN_ANEW
from stagewise.training import all_folds
from stagewise.training.fold_queue import Chain, FoldQueue

# A training that notes when it begins and ends, and on which GPU; it ends once another one's note is there.
TRAINING = """
import argparse, pathlib, sys, time
parser = argparse.ArgumentParser()
for option in ("name", "until", "code", "lost", "gpu"):
    parser.add_argument(f"--{option}")
for option in ("force", "early"):
    parser.add_argument(f"--{option}", action="store_true")
asked = parser.parse_args()
with open("notes.txt", "a") as notes:
    print("begins", asked.name, asked.gpu, *["anew"] * asked.force, file=notes)
if asked.force and not (asked.early and asked.gpu in asked.lost):
    print("models/a/fold_0 BEGUN_ANEW", flush=True)
print("epoch 1 of", asked.name, flush=True)
print("next: python train.py")
while asked.until and asked.until not in pathlib.Path("notes.txt").read_text():
    time.sleep(0.01)
with open("notes.txt", "a") as notes:
    print("ends", asked.name, file=notes)
sys.exit(1 if asked.lost and asked.gpu in asked.lost else int(asked.code or 0))
""".replace("BEGUN_ANEW", BEGUN_ANEW)


@pytest.fixture
def notes(root, monkeypatch):
    """A function of what trainings have noted, a line each; they run in a folder of their own."""
    (root / "train.py").write_text(TRAINING)
    monkeypatch.chdir(root)
    return lambda: (root / "notes.txt").read_text().splitlines()


def training(name: str, until: str = "", code: int = 0) -> tuple[str, ...]:
    return (str(paths.root() / "train.py"), "--name", name, "--code", str(code), *["--until", until] * bool(until))


def failing_on(lost: str, name: str) -> tuple[str, ...]:
    """A training that fails on those GPUs."""
    return (*training(name), "--lost", lost)


def chain(fold: int, *trainings: tuple[str, ...]) -> Chain:
    return Chain(f"d121 fold {fold}", trainings)


def test_a_fold_goes_on_to_its_next_stage_and_a_free_gpu_takes_the_next_fold(notes):
    first = chain(0, training("a0", until="begins c2"))  # holds a GPU until the other one has done all other folds
    others = [chain(1, training("a1"), training("b1"), training("c1")), chain(2, training("a2"), training("c2"))]
    assert FoldQueue([0, 3]).train([first, *others]) == []
    begun = dict(line.split()[1:] for line in notes() if line.startswith("begins"))
    assert begun == {"a0": "0", **dict.fromkeys(("a1", "b1", "c1", "a2", "c2"), "3")}
    of_fold_1 = [line for line in notes() if re.search("[abc]1", line)]
    assert of_fold_1 == [line for name in ("a1", "b1", "c1") for line in (f"begins {name} 3", f"ends {name}")]


def test_what_a_training_prints_may_be_anything_and_a_signals_end_is_told_as_a_shell_does(root, capsys):
    (root / "odd.py").write_text(
        "import os, sys\nsys.stdout.buffer.write(b'\\xff\\n')\nsys.stdout.flush()\nos.kill(os.getpid(), 9)"
    )
    failures = FoldQueue([None]).train([chain(0, (str(root / "odd.py"),))])
    assert [failure.code for failure in failures] == [137]
    assert "d121 fold 0: \\xff\n" in capsys.readouterr().out


def test_a_failing_stage_stops_its_own_fold_alone_and_is_told_with_its_command_and_log(notes, capsys):
    broken = chain(0, training("a0", code=3), training("b0"))
    failures = FoldQueue([None]).train([broken, chain(1, training("a1"), training("b1"))])
    assert [(failure.chain, failure.code) for failure in failures] == [(broken, 3)]
    assert {line.split()[1] for line in notes()} == {"a0", "a1", "b1"}
    assert re.fullmatch(
        r"d121 fold 0: exit code 3 of: python .*train.py --name a0 --code 3 \(models/fold_logs/d121_fold_0.log\)",
        str(failures[0]),
    )
    assert broken.log.read_text().splitlines()[1:] == ["epoch 1 of a0", "next: python train.py"]
    shown = capsys.readouterr().out.splitlines()
    assert {"d121 fold 0: epoch 1 of a0", "d121 fold 1: epoch 1 of b1"} < set(shown)
    assert all(line.startswith("d121 fold ") and "next:" not in line for line in shown)


def test_a_gpu_that_computes_no_more_gets_no_more_folds_and_its_chain_goes_on_elsewhere(notes, capsys):
    first = chain(0, training("a0"), failing_on("0", "b0"), training("c0"))
    others = [
        chain(1, training("a1", until="begins b0"), training("b1")),
        *(chain(k, training(f"a{k}")) for k in (2, 3)),
    ]
    assert FoldQueue([0, 0, 3], computes=lambda gpu: gpu != 0).train([first, *others]) == []
    begun = [line.split()[1:] for line in notes() if line.startswith("begins")]
    of_fold_0 = [pair for pair in begun if pair[0].endswith("0")]
    assert of_fold_0 == [["a0", "0"], ["b0", "0"], ["b0", "3"], ["c0", "3"]]  # a0, which has ended, is not run again
    assert capsys.readouterr().out.count("d121 fold 0: GPU 0 computes no more") == 1


@pytest.mark.parametrize(
    ("early", "again"),
    [((), "b0 1"), (("--early",), "b0 1 anew")],
    ids=["after it had emptied its folder", "before"],
)
def test_a_fold_whose_gpu_dies_keeps_the_epochs_that_it_has_since_it_began_anew(notes, early, again):
    """What is begun again would else lose them; one that had not come to the old run would else keep that."""
    forced = [(*words, "--force") for words in (training("a0"), (*failing_on("0", "b0"), *early), training("c0"))]
    other = chain(1, training("a1", until="begins b0"))
    assert FoldQueue([0, 1], computes=lambda gpu: gpu != 0).train([chain(0, *forced), other]) == []
    begun = [line.removeprefix("begins ") for line in notes() if re.match("begins .0", line)]
    assert begun == ["a0 0 anew", "b0 0 anew", again, "c0 1 anew"]


def test_a_fold_that_fails_on_a_gpu_that_computes_stops_itself_alone(notes):
    failures = FoldQueue([0], computes=lambda gpu: True).train(
        [chain(0, failing_on("0", "a0")), chain(1, training("a1"))]
    )
    assert [(failure.chain.name, failure.code) for failure in failures] == [("d121 fold 0", 1)]
    assert [line for line in notes() if line.startswith("ends")] == ["ends a0", "ends a1"]


def test_folds_that_no_gpu_is_left_for_are_told_and_not_begun(notes):
    chains = [chain(fold, failing_on("01", f"a{fold}")) for fold in range(3)]
    failures = FoldQueue([0, 1], computes=lambda gpu: False).train(chains)
    assert sorted(failure.chain.name for failure in failures) == [each.name for each in chains]
    assert all(failure.code is None and ": no GPU is left for: python " in str(failure) for failure in failures)
    assert not any("a2" in line for line in notes())
    assert all_folds._untrained(failures, 3).exit_code == 1


@pytest.mark.parametrize(("gpu", "computes"), [(99, False), (gpus.NONE, True)])
def test_a_process_of_its_own_tries_whether_a_gpu_computes(gpu, computes):
    assert backends.computes_apart(gpu) is computes


def test_a_plan_names_the_gpu_of_each_command(notes, capsys):
    chains = [chain(fold, training(f"a{fold}"), training(f"b{fold}")) for fold in range(3)]
    all_folds._show(chains, [1, "none"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("--gpu ")[2] for line in lines] == ["1", "1", "none", "none", "1", "1"]
    all_folds._show(chains, [None])
    assert "--gpu" not in capsys.readouterr().out


def test_a_log_that_cannot_be_written_is_told(notes, capsys):
    paths.models_folder().mkdir()
    (paths.models_folder() / "fold_logs").touch()
    FoldQueue([None]).train([chain(0, training("a0"))])
    assert "d121 fold 0: its log models/fold_logs/d121_fold_0.log cannot be written" in capsys.readouterr().out


QUEUE = """
import sys
from stagewise.console import cli
from stagewise.training.fold_queue import Chain, FoldQueue
trainings = [Chain(f"fold {k}", ((sys.argv[1], "--name", f"a{k}", "--until", "never"),)) for k in (0, 1, 2)]
cli.run(lambda: FoldQueue([0, 1]).train(trainings))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_every_training(notes, number, code):
    command = [sys.executable, "-c", QUEUE, str(paths.root() / "train.py")]
    process = started(command)
    while not Path("notes.txt").exists() or len(notes()) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    begun = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(number)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == code and messages == "interrupted; run the same command to resume\n"
    assert len(begun) == 2 and not any(Path(f"/proc/{child}").exists() for child in begun)


def test_what_a_first_training_refuses_ends_all_with_its_own_exit_code(root):
    (root / "refusing.py").write_text("import sys; sys.exit(2 * ('--dry-run' in sys.argv))")
    message = "python .*refusing.py --fold 0 --dry-run ended with exit code 2; its message is above"
    with pytest.raises(all_folds.UntrainedError, match=message) as refused:
        all_folds._check([str(root / "refusing.py"), "--fold", "0"])
    assert refused.value.exit_code == 2


def test_every_training_has_its_part_of_the_workers_and_of_the_memory(monkeypatch):
    monkeypatch.setattr(all_folds.memory, "free", lambda: 20 * 2**30)
    parser = all_folds._arguments({"one": ["r31_train.py"]}, "doc")
    alone, two = (all_folds._common(parser.parse_args(["--workers", "5"]), places) for places in (1, 2))
    assert alone == ["--seed", "42", "--preset", "full", "--workers", "5"]
    assert two == ["--seed", "42", "--preset", "full", "--workers", "2", "--memory", "9.00"]
    asked = parser.parse_args(["--workers", "0", "--memory", "8", "--split", "my.csv", "--force"])
    own = ["--split", "my.csv", "--seed", "42", "--preset", "full", "--workers", "0", "--memory", "4.00", "--force"]
    assert all_folds._common(asked, 2) == own
    little = all_folds._common(parser.parse_args(["--memory", "0.01"]), 4)
    assert little[little.index("--memory") + 1] == "0.0025"


@pytest.mark.parametrize(
    ("there", "seen", "places"),
    [(0, None, [None]), (1, None, [None]), (2, 2, [0, 1]), (2, 0, [None]), (3, None, [None])],
)
def test_every_gpu_that_the_backend_sees_trains_a_fold(monkeypatch, there, seen, places):
    monkeypatch.setattr(gpus, "count", lambda: there)
    monkeypatch.setattr(backends, "count_gpus_apart", lambda: seen)
    assert all_folds.places_to_train() == places


@pytest.mark.parametrize(("shown", "files", "count"), [(None, 2, 2), (None, 0, 1), ("0,2", 4, 2), ("", 4, 0)])
def test_gpus_are_counted_by_their_files_and_by_what_a_scheduler_shows(monkeypatch, tmp_path, shown, files, count):
    for number in range(files):
        (tmp_path / f"nvidia{number}").touch()
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(gpus, "NVIDIA_FILES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr(gpus, "NVIDIA_NUMBERED", tmp_path / "nvidia[0-9]*")
    monkeypatch.delenv(gpus.VISIBLE, raising=False) if shown is None else monkeypatch.setenv(gpus.VISIBLE, shown)
    assert gpus.count() == count
    monkeypatch.setattr(gpus, "maker", lambda: None)
    assert gpus.count() == 0


R30 = "second_place_r101/r30_train_folds.py"
RUNS = ("second_place_r101_run1", "second_place_r101_run2")


@pytest.mark.slow
def test_two_folds_go_through_both_runs_of_the_second_place_side_by_side(tmp_path):
    with House(tmp_path, {name: SMALLEST[name] for name in ("d121", "r101")}) as house:
        house.fork("preproc_data/r00_make_phantom.py", "--train", "12", "--test", "2", "--stalled-share", "0.5")
        house.fork("preproc_data/r01_extract_roi.py")
        house.fork("preproc_data/r03_gen_kfold_split.py", "--folds", "2", "--stratify", "stalled,tier1")
        split = ("--split", str(house.root / "modified_data" / "kfold_split_2_42.csv"))
        command = (R30, *TRAIN, *split, "--gpu", "none", "--gpu", "none", "--workers", "2")
        planned = house.run(*command, *RANDOM, "--dry-run")
        assert "2 chains of trainings, 2 at a time: --gpu none, --gpu none" in planned
        assert planned.count("_train_run1.py --fold") == planned.count("_train_run2.py --fold") == 2
        assert planned.count("--init random") == 2 and planned.count("--workers 1") == 4
        assert not (house.root / "models").exists()
        said = house.run(*command)
        assert "next: python second_place_r101/r41_process_oof.py --split " in said
        for fold in (0, 1):
            assert all((house.root / "models" / run / f"fold_{fold}" / "best.weights.h5").exists() for run in RUNS)
            log = (house.root / "models" / "fold_logs" / f"r101_fold_{fold}.log").read_text()
            assert log.count("$ python second_place_r101/") == 2 and f"wrote models/{RUNS[1]}/fold_{fold}" in log
