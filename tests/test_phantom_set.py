"""A phantom data set: the real contracts, the order that was given, the same bytes for the same seed."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from clips import decoded
from conftest import real_file
from sklearn.metrics import roc_auc_score

from stagewise.crops.roi import extract_roi
from stagewise.files import paths, writers
from stagewise.messages.errors import InputError
from stagewise.phantom import anatomy, begun, clip, dataset, rendering, tables

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r00_make_phantom.py"
SMALL = dataset.Order(train=4, test=2, stalled_share=0.5, tier1_share=0.5, projects=3, seed=8)
ORANGE = ((9, 13, 104), (98, 143, 255))  # the recipe's rule, BGR, inclusive


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """The input folder of a small data set, made without worker processes."""
    folder = tmp_path_factory.mktemp("phantom")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAGEWISE_ROOT", str(folder))
        dataset.make(SMALL, workers=0)
    return folder / "input"


def test_videos_are_h264_of_the_planned_size_and_length(small_set):
    for subset in paths.SUBSETS:
        table = pd.read_csv(small_set / f"{subset}_metadata.csv")
        assert sorted(path.name for path in (small_set / subset).iterdir()) == sorted(table.filename)
        for row in table.itertuples():
            with av.open(str(small_set / subset / row.filename)) as container:
                stream = container.streams.video[0]
                assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
                assert (stream.height, stream.width) in {(384, 512), (384, 418)}
                assert sum(1 for _ in container.decode(video=0)) == row.num_frames


def check_outline(frames: np.ndarray, plan: clip.Clip) -> None:
    """The recipe's rule finds the outline in every frame, and nothing else."""
    alpha = anatomy.outline_alpha(plan.outline, *frames.shape[1:3], plan.look.outline_width)
    found = np.stack([cv2.inRange(frame, *ORANGE) for frame in frames]) > 0
    drawn = alpha == 255
    assert (found[:, drawn].mean(axis=1) > 0.9).all()
    # colour has half the resolution: it may blur by that, and no further
    assert not found[:, cv2.dilate(alpha, np.ones((7, 7))) == 0].any()
    x, y, width, height = cv2.boundingRect(found.any(axis=0).astype(np.uint8))
    true_box = np.array(cv2.boundingRect(drawn.astype(np.uint8)))
    assert np.abs(np.array([x, y, x + width, y + height]) - _corners(true_box)).max() <= 3


def test_the_recipes_rule_finds_the_outline_in_every_frame_and_nothing_else(small_set):
    for index, row in enumerate(dataset.plan_rows(SMALL)):
        check_outline(
            decoded(small_set / row.subset / row.filename), clip.plan_clip(SMALL.settings, index, row.stalled)
        )


@pytest.mark.parametrize("half", ["lower", "upper"])
def test_it_does_so_in_hard_clips_and_their_boxes_are_not_in_doubt(half, tmp_path):
    settings = clip.Settings(seed=8, hard=True, half=half)
    for index in range(6):
        rendering.write_clip(settings, index, False, tmp_path / "hard.mp4")
        plan = clip.plan_clip(settings, index, False)
        check_outline(decoded(tmp_path / "hard.mp4"), plan)
        assert not extract_roi(tmp_path / "hard.mp4").reason


def _corners(box: np.ndarray) -> np.ndarray:
    return np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])


def test_tables_agree_with_each_other(small_set):
    labels, metadata = (pd.read_csv(small_set / f"train_{name}.csv") for name in ("labels", "metadata"))
    answers = pd.read_csv(small_set / "phantom_test_labels.csv")
    submission = pd.read_csv(small_set / "submission_format.csv")
    assert list(labels.columns) == list(answers.columns) == list(submission.columns) == ["filename", "stalled"]
    assert list(labels.filename) == list(metadata.filename)
    assert list(answers.filename) == list(submission.filename)
    assert not submission.stalled.any()
    assert (labels.stalled.sum(), answers.stalled.sum()) == (2, 1)
    assert set(metadata.project_id) <= set("ACD")


def test_columns_are_the_real_ones(small_set):
    for subset in paths.SUBSETS:
        real = pd.read_csv(real_file(f"stallcatchers/{subset}_metadata.csv.xz"), nrows=100)
        made = pd.read_csv(small_set / f"{subset}_metadata.csv")
        assert list(made.columns) == list(real.columns)
        assert [made[name].dtype.kind for name in made] == [real[name].dtype.kind for name in real]


def test_shares_follow_the_order():
    order = dataset.Order(train=3000, test=1000, stalled_share=0.3, tier1_share=0.8, projects=12, seed=0)
    rows = pd.DataFrame(dataset.plan_rows(order))
    assert rows[rows.subset == "train"].stalled.sum() == 900
    assert rows[rows.subset == "test"].stalled.sum() == 300
    assert rows.tier1.mean() == pytest.approx(0.8, abs=0.03)
    assert rows[rows.micro].tier1.all()
    assert rows[rows.nano].micro.all()
    assert rows.project.nunique() >= 11
    assert list(rows.filename) == sorted(rows.filename)
    # neither test nor stalled clips come first or last
    assert abs(roc_auc_score(rows.subset == "test", rows.index) - 0.5) < 0.05
    assert abs(roc_auc_score(rows.stalled, rows.index) - 0.5) < 0.05


def test_crowd_scores_follow_the_real_ones():
    real = pd.read_csv(real_file("stallcatchers/micro_labels.csv"))
    rng = np.random.default_rng(0)
    for stalled in (False, True):
        drawn = [tables.crowd_score(rng, stalled) for _ in range(4000)]
        assert np.mean(drawn) == pytest.approx(real[real.stalled == stalled].crowd_score.mean(), abs=0.03)


def test_worker_processes_change_no_byte(small_set, root):
    dataset.make(SMALL, workers=2)
    assert contents(root / "input") == contents(small_set)


def test_a_clip_has_its_name_only_when_it_is_on_the_disk(root, monkeypatch):
    flush, flushed = paths.flush, []

    def flush_and_look(path):
        if path.suffix == ".mp4":
            name = path.name[-len("100000.mp4") :]
            assert not path.with_name(name).exists()
            flushed.append(name)
        flush(path)

    monkeypatch.setattr(paths, "flush", flush_and_look)
    dataset.make(dataclasses.replace(SMALL, train=1, test=1), workers=0)
    assert sorted(flushed) == ["100000.mp4", "100001.mp4"]
    assert sorted(path.name for path in (root / "input").rglob("*.mp4")) == sorted(flushed)


def test_another_seed_makes_other_clips(small_set, tmp_path):
    row = dataset.plan_rows(SMALL)[0]
    other = dataclasses.replace(SMALL.settings, seed=9)
    rendering.write_clip(other, 0, row.stalled, tmp_path / "other.mp4")
    assert (tmp_path / "other.mp4").read_bytes() != (small_set / row.subset / row.filename).read_bytes()


@pytest.mark.parametrize("other", [{"seed": 9}, {"hard": True}])
def test_an_interrupted_run_goes_on_and_ends_the_same(small_set, root, monkeypatch, other):
    def interrupt(*_):
        raise KeyboardInterrupt

    shutil.copytree(small_set, root / "input")
    for table in tables.TABLES:
        (root / "input" / table).unlink()
    lost = next((root / "input" / "train").iterdir())
    lost.unlink()
    writers.temporary(root / "input" / "train" / "100000.mp4").write_bytes(b"half")
    (root / "input" / begun.MARKER).write_text(json.dumps(dataclasses.asdict(SMALL)))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rendering, "write_clip", interrupt)
        dataset.make(SMALL, workers=0)
    assert (root / "input" / begun.MARKER).exists()
    assert not list((root / "input").glob("*.csv"))
    with pytest.raises(InputError, match=r"unfinished.*start over: rm -r"):
        dataset.make(dataclasses.replace(SMALL, **other), workers=0)
    dataset.make(SMALL, workers=0)
    assert contents(root / "input") == contents(small_set)


@pytest.mark.parametrize("content", [b"", b'{"train": 4, "te', b"\xff\x00"])
def test_a_damaged_marker_is_named_with_the_command_that_starts_anew(tmp_path, monkeypatch, content):
    monkeypatch.setenv("STAGEWISE_ROOT", str(tmp_path / "a root"))
    folder = paths.input_folder()
    (folder / "train").mkdir(parents=True)
    (folder / begun.MARKER).write_bytes(content)
    with pytest.raises(InputError, match=r"input/\.phantom-unfinished\.json is damaged.*start over: rm -r ") as error:
        dataset.make(SMALL, workers=0)
    subprocess.run(str(error.value).rpartition("start over: ")[2], shell=True, check=True)
    assert not list(folder.iterdir())
    dataset.check_folder(folder, SMALL)


def test_a_finished_set_is_whole_and_not_made_again(small_set, monkeypatch):
    assert {path.name for path in small_set.iterdir()} == {"train", "test", *tables.TABLES}
    monkeypatch.setenv("STAGEWISE_ROOT", str(small_set.parent))
    before = contents(small_set)
    with pytest.raises(InputError, match="is not empty"):
        dataset.make(SMALL, workers=0)
    assert contents(small_set) == before


@pytest.mark.parametrize("name", ["train_labels.csv", "train/100000.mp4", "notes.txt"])
def test_a_folder_with_files_is_refused_and_left_alone(root, name):
    (root / "input" / name).parent.mkdir(parents=True)
    (root / "input" / name).write_text("mine")
    (root / "input" / ".gitkeep").touch()
    before = contents(root)
    with pytest.raises(InputError, match=name.split("/")[0]):
        dataset.make(SMALL, workers=0)
    assert contents(root) == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--train", "0"], 2),
        (["--stalled-share", "1.5"], 2),
        (["--projects", "13"], 2),
        (["--difficulty", "0"], 2),
        (["--half", "lower"], 2),
        (["--dry-run", "--train", "7"], 0),
        (["--dry-run", "--hard", "--half", "lower"], 0),
    ],
)
def test_the_script_checks_its_arguments_and_writes_nothing(root, options, code):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert done.returncode == code, done.stderr
    assert not list(root.iterdir())
