"""The numbered scripts, run as a user runs them, on a small phantom and a recipe's page with smaller numbers."""

import importlib.util
import os
import shlex
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from house import FOLDS, LONGEST, RANDOM, STAGES, TRAIN, House

from stagewise.video.decoding import read_frames

ALONE = ("--workers", "0")  # a worker takes longer to come up than these few clips take
ADAPTIVE = ("--adaptive", "0.01", "--prevalence", "0.003", "--seed", "42", "--threshold", "0.5")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Data made, extracted, verified and split; stage 1 trained for two folds, one after the other.

    Each command is the one that the script before has named.
    """
    with House(tmp_path_factory.mktemp("house")) as house:
        sizes = ("--train", "24", "--test", "4", "--stalled-share", "0.5")
        said = house.fork("preproc_data/r00_make_phantom.py", *sizes, *ALONE)
        for script, options in (("r01_extract_roi", ALONE), ("r02_verify_data", ALONE), ("r03_gen_kfold_split", ())):
            assert following(said) == [f"preproc_data/{script}.py", *options]
            said = house.fork(*following(said))
        assert following(said) == ["net_d121_stage1/r31_train.py", "--preset", "demo", *RANDOM]
        house.stage_1 = house.fork(*following(said), *FOLDS)
        yield house


def following(said: str) -> list[str]:
    """What the last two lines of a script name: something written, and the words of the command to run next."""
    wrote, command = said.splitlines()[-2:]
    assert wrote.startswith("wrote ")
    return shlex.split(command.removeprefix("next: python "))


def trained_files(root: Path, fold: int) -> dict[str, bytes]:
    folder = root / "models" / STAGES[0] / f"fold_{fold}"
    return {name: (folder / name).read_bytes() for name in ("best.weights.h5", "history.csv", "config.json")}


def test_folds_of_two_processes_at_once_one_of_them_killed_equal_those_of_one(house, tmp_path):
    for shared in ("input", "modified_data"):
        (tmp_path / shared).symlink_to(house.root / shared)
    script = (f"{STAGES[0]}/r31_train.py", "--preset", "demo", *RANDOM)
    forks, outputs = house.loaded(), [tmp_path / f"output_{fold}.txt" for fold in (0, 1)]
    processes = [forks.start((*script, "--fold", str(fold)), tmp_path, output) for fold, output in enumerate(outputs)]
    state = tmp_path / "models" / STAGES[0] / "fold_1" / "resume_state.npz"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(processes[1], signal.SIGKILL)
    forks.wait(processes[1], LONGEST)
    was_finished = '"finished": true' in (state.parent / "config.json").read_text()
    assert state.exists(), "killed too late to test anything"
    assert forks.wait(processes[0], LONGEST) == 0, outputs[0].read_text()
    house.fork(*script, "--fold", "1", root=tmp_path)
    for fold in (0, 1):
        assert trained_files(tmp_path, fold) == trained_files(house.root, fold)
    sittings = (state.parent / "train.log").read_text().split("started: ")[1:]
    assert "epoch 1  loss " in sittings[0]
    assert was_finished or ("going on after epoch 1" in sittings[1] and sittings[1].endswith("finished\n"))


def answer_adaptively(house: House, in_full: pd.DataFrame) -> None:
    """Ask the adaptive ensemble, for which all 4 clips are the pilot."""
    said = house.run(f"{STAGES[2]}/r42_process_test.py", *FOLDS, *ADAPTIVE)
    assert "forward passes: 64, 1.0 times fewer" in said
    answers = pd.read_csv(house.root / "subm" / f"{STAGES[2]}_test_detailed.csv").drop(columns="passes")
    pd.testing.assert_frame_equal(in_full, answers, atol=1e-6, rtol=0)


@pytest.mark.slow
def test_the_whole_run_ends_in_a_submission_of_the_formats_rows(house):
    said = house.stage_1
    for stage in STAGES[1:]:
        assert following(said) == [f"{stage}/r31_train.py", *TRAIN]
        said = house.fork(*following(said))
    assert following(said) == [f"{STAGES[2]}/r41_process_oof.py", *FOLDS]
    said = house.run(*following(said), "--prevalence", "0.01", "--engine", "openvino")
    assert "at 1 % stalled" in said and "projects: " in said and "clips are of projects that other folds" in said
    compared = house.fork(
        f"{STAGES[2]}/r53_compare_splits.py", str(house.root / "modified_data" / f"{STAGES[2]}_oof.csv")
    )
    assert "neither split keeps projects apart" in compared
    assert following(said) == [f"{STAGES[2]}/r42_process_test.py", *FOLDS, "--engine", "openvino"]
    said = house.run(*following(said))
    assert "on openvino" in said
    assert following(said) == [f"{STAGES[2]}/r51_report.py", *FOLDS, "--engine", "openvino"]
    on_openvino = pd.read_csv(house.root / "subm" / f"{STAGES[2]}_test_detailed.csv")
    assert "on tensorflow" in house.fork(f"{STAGES[2]}/r42_process_test.py", *FOLDS, "--engine", "keras")
    on_keras = pd.read_csv(house.root / "subm" / f"{STAGES[2]}_test_detailed.csv")
    pd.testing.assert_frame_equal(on_openvino, on_keras, atol=1e-4, rtol=0)
    answer_adaptively(house, on_openvino)
    assert "MCC" in house.fork(f"{STAGES[2]}/r50_score_phantom.py")
    look_at_some(house, pd.read_csv(house.root / "modified_data" / f"{STAGES[2]}_oof.csv"))
    assert "missing" not in house.fork(f"{STAGES[2]}/r51_report.py", *FOLDS, "--clips", "1")
    report = (house.root / "subm" / "report.html").read_text()
    assert report.count("data:video/mp4") == 2 and " ".join((*FOLDS, *ADAPTIVE)) in report
    answers = pd.read_csv(house.root / "subm" / "submission.csv")
    asked = pd.read_csv(house.root / "input" / "submission_format.csv")
    assert answers["filename"].tolist() == asked["filename"].tolist()
    assert set(answers["stalled"]) <= {0, 1}
    oof = pd.read_csv(house.root / "modified_data" / f"{STAGES[2]}_oof.csv")
    split = pd.read_csv(house.root / "modified_data" / "kfold_split_5_42.csv")
    own = split[split["fold"].isin((0, 1)) & split["tier1"]]
    assert oof["filename"].tolist() == own["filename"].tolist()
    assert np.isfinite(oof["probability"]).all()
    for name in ("curves.png", "history.csv", "config.json", "best.weights.h5"):
        assert (house.root / "models" / STAGES[2] / "fold_1" / name).stat().st_size > 0
    assert list((house.root / "models" / STAGES[2] / "fold_1" / "events").glob("events.*"))
    assert not list(house.root.rglob(".tmp-*"))


def look_at_some(house: House, oof: pd.DataFrame) -> None:
    """Heat-map videos of every kind, the same on both engines and the same bytes each time."""
    script, folder = (f"{STAGES[2]}/r52_create_heatmap_video.py", *FOLDS), house.root / "subm" / "heatmaps"
    house.fork(*script, "--worst", "1", "--sure", "1", "--dry-run")
    assert not folder.exists()
    house.run(*script, "--worst", "1", "--sure", "1", "--engine", "openvino")
    videos = sorted(folder.rglob("*.mp4"))
    assert len(videos) == len(set(oof["filename"]) & {f"{path.name.partition('_')[0]}.mp4" for path in videos}) == 2
    written = {path: path.read_bytes() for path in folder.rglob("*.*")}
    house.run(*script, "--worst", "1", "--sure", "1", "--engine", "openvino")
    assert written == {path: path.read_bytes() for path in folder.rglob("*.*")}
    on_openvino = np.stack(list(read_frames(videos[0])))
    house.fork(*script, "--worst", "1", "--sure", "1", "--engine", "keras")
    assert np.abs(np.stack(list(read_frames(videos[0]))).astype(int) - on_openvino).mean() < 1
    test_clip = sorted((house.root / "input" / "test").iterdir())[0].stem
    assert "on tensorflow" in house.run(*script, f"{test_clip}.mp4", "--method", "gradcam", "--block", "1")
    last_block = (*script, f"{test_clip}.mp4", "--method", "gradcam", "--block", "2", "--engine", "openvino")
    assert "on openvino" in house.run(*last_block)
    assert {path.name for path in (folder / "test").iterdir()} == {
        f"{test_clip}_gradcam_block{block}.{ending}" for block in (1, 2) for ending in ("mp4", "gif")
    }
    house.run(*script, "--sure", "1", "--block", "3", code=2)
    no_gradients = house.run(
        *script, "--sure", "1", "--method", "gradcam", "--block", "1", "--engine", "openvino", code=2
    )
    assert "Grad-CAM of block 1 takes gradients, which OpenVINO lacks; leave --engine out" in no_gradients


@pytest.fixture
def on_jax(house, tmp_path, compiled_once):
    """Runs a script on JAX, with a TensorFlow that cannot be imported, on a root with the house's data alone."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed; it is in requirements-test.txt")
    for shared in ("input", "modified_data"):
        shutil.copytree(house.root / shared, tmp_path / "root" / shared)
    (tmp_path / "tensorflow.py").write_text("raise ImportError('TensorFlow was imported')\n")
    settings = {"KERAS_BACKEND": "jax", "PYTHONPATH": f"{tmp_path}{os.pathsep}{house.code}"}
    return lambda *command: house.run(*command, root=tmp_path / "root", **settings)


@pytest.mark.slow
def test_the_same_run_passes_on_jax_with_no_tensorflow(on_jax, tmp_path):
    alone = ("--fold", "0")
    commands = [(f"{stage}/r31_train.py", "--preset", "demo", *alone) for stage in STAGES]
    commands[0] += RANDOM
    commands += [(f"{STAGES[2]}/{script}.py", *alone) for script in ("r41_process_oof", "r42_process_test")]
    look = (f"{STAGES[2]}/r52_create_heatmap_video.py", *alone, "--sure", "1", "--method", "gradcam")
    commands += [(*look, "--block", "1"), (*look, "--block", "2")]
    for command in commands:
        assert "on jax" in on_jax(*command)
    answers = pd.read_csv(tmp_path / "root" / "subm" / "submission.csv")
    assert len(answers) == 4


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("net_d121_stage2_auc/r31_train.py", "--fold", "3"), "no trained fold 3 of net_d121_stage1"),
        (("net_d121_stage1/r31_train.py", "--fold", "9"), "has no fold 9; its folds are 0, 1, 2, 3, 4"),
        (("net_d121_stage1/r31_train.py",), "run: python preproc_data/r04_inflate_imagenet.py"),
        (("net_d121_stage1/r31_train.py", "--split", "no.csv"), "no.csv is not there; run: python preproc_data/r03"),
        (("net_d121_stage1/r31_train.py", "--fold", "1", *TRAIN, *RANDOM, "--seed", "7"), "seed: 42 is now 7"),
        (("net_d121_stage3_tier1/r42_process_test.py", "--fold", "4"), "no trained fold 4 of net_d121_stage3_tier1"),
        (("net_d121_stage3_tier1/r52_create_heatmap_video.py", "--sure", "1", "--fold", "4"), "no trained fold 4"),
        (("preproc_data/r03_gen_kfold_split.py",), "replace it with --force"),
        (("preproc_data/r03_gen_kfold_split.py", "--folds", "3", "--group", "nothing"), "no column nothing"),
        (("preproc_data/r00_make_phantom.py",), "is not empty"),
    ],
)
def test_bad_usage_ends_with_code_2_and_the_mend_and_writes_nothing(house, command, message):
    before = {path: path.stat().st_mtime_ns for path in house.root.rglob("*") if path.is_file()}
    output = house.fork(*command, code=2)
    assert f"error: {output.rpartition('error: ')[2]}" and message in output
    assert "Traceback" not in output
    assert before == {path: path.stat().st_mtime_ns for path in house.root.rglob("*") if path.is_file()}


def test_dry_runs_say_what_would_happen_and_write_nothing(house):
    before = sorted(house.root.rglob("*"))
    planned = house.fork("net_d121_stage1/r31_train.py", *TRAIN, *RANDOM, "--dry-run")
    assert "writes models/net_d121_stage1/fold_0/" in planned
    house.fork("preproc_data/r01_extract_roi.py", "--dry-run")
    house.fork("preproc_data/r03_gen_kfold_split.py", "--folds", "3", "--dry-run")
    assert sorted(house.root.rglob("*")) == before
