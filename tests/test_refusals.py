"""What r03 and r50 say to a user whose tables do not fit together."""

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from stagewise import paths
from stagewise.errors import InputError
from stagewise.extraction import write_index
from stagewise.splits import read_split
from stagewise.tables import ROI_INDEX

REPOSITORY = Path(__file__).parents[1]
STAGE = "net_d121_stage3_tier1"
NAMES = [f"{100000 + number}.mp4" for number in range(8)]


@pytest.fixture
def run(monkeypatch):
    """A script's main in this process, on the test's root."""

    def run(script, *arguments):
        main = runpy.run_path(str(REPOSITORY / script))["main"]
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        main()

    return run


@pytest.fixture
def r03(root, run):
    """r03 on eight videos, after a change of labels and metadata; returns the split's table."""
    sizes = dict.fromkeys(ROI_INDEX, "9") | {"sha256": "0" * 64, "status": "ok", "reason": ""}
    write_index("train", [sizes | {"filename": name} for name in NAMES])
    labels = pd.DataFrame({"filename": NAMES, "stalled": [0, 1] * 4})
    metadata = pd.DataFrame({"filename": NAMES, "project_id": list("AABBCCDD"), "num_frames": 9, "crowd_score": 0.5})

    def r03(*arguments, output="split.csv", change_labels=lambda table: table, change_metadata=lambda table: table):
        paths.input_folder().mkdir()
        change_labels(labels).to_csv(paths.input_folder() / "train_labels.csv", index=False)
        change_metadata(metadata.assign(tier1=True)).to_csv(paths.input_folder() / "train_metadata.csv", index=False)
        run("preproc_data/r03_gen_kfold_split.py", "--output", str(root / output), *arguments)
        return read_split(root / output).table

    return r03


def test_the_label_counts_where_metadata_has_a_column_stalled_too(r03):
    split = r03(change_metadata=lambda table: table.assign(stalled=7))
    assert split["stalled"].tolist() == [0, 1] * 4


def test_a_column_of_both_tables_is_there_once(r03):
    split = r03("--group", "project_id", "--folds", "2", change_labels=lambda table: table.assign(project_id="?"))
    assert split.groupby("project_id")["fold"].nunique().max() == 1
    assert sorted(split["project_id"].unique()) == list("ABCD")


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        (
            {"change_metadata": lambda table: table[2:]},
            (),
            "2 labelled videos, first 100000.mp4, have no row in input/train_metadata.csv; .*r02_verify_data.py",
        ),
        (
            {"change_labels": lambda table: table.assign(filename="9" + table["filename"])},
            (),
            "no video of input/train_labels.csv has a volume; .*r02_verify_data.py",
        ),
        ({}, ("--folds", "9"), "8 videos cannot fill 9 folds; ask for fewer with --folds"),
        ({}, ("--folds", "5", "--group", "project_id"), "4 groups of the same project_id cannot fill 5 folds"),
        ({}, ("--output", "."), "--output . is a folder; name a CSV file"),
    ],
)
def test_r03_refuses_what_does_not_fit_with_the_mend(r03, root, changes, arguments, message):
    with pytest.raises(InputError, match=message):
        r03(*arguments, **changes)
    assert not (root / "split.csv").exists()


def test_r03_says_how_to_use_a_split_of_another_name(r03, run, root, capsys):
    r03("--folds", "2")
    assert f"give every later script: --split {root / 'split.csv'}" in capsys.readouterr().out
    (root / "input" / "phantom_test_labels.csv").touch()
    with pytest.raises(InputError, match=f"next: python net_d121_stage1/.* --split {root / 'split.csv'}"):
        run("preproc_data/r03_gen_kfold_split.py", "--output", str(root / "split.csv"))


@pytest.mark.parametrize("name", ["own.csv", "own.csv.gz", "own.csv.xz", "own.csv.zip", "own.csv.bz2", "OWN.CSV.GZ"])
def test_what_r03_writes_under_any_name_the_next_script_reads(r03, root, name):
    assert set(r03(output=name)["fold"]) == {0, 1, 2, 3, 4}


@pytest.fixture
def answered(root):
    """A submission, its probabilities, and the phantom's answers to them."""
    paths.input_folder().mkdir()
    paths.submission_folder().mkdir()
    rows = "".join(f"{name},{number % 2}\n" for number, name in enumerate(NAMES))
    files = {
        "truth": (paths.input_folder() / "phantom_test_labels.csv", "stalled"),
        "answers": (paths.submission_folder() / "submission.csv", "stalled"),
        "means": (paths.submission_folder() / f"{STAGE}_test.csv", "probability"),
    }
    for path, column in files.values():
        path.write_text(f"filename,{column}\n{rows}")
    return {name: path for name, (path, _) in files.items()}


def test_r50_scores_the_answers(answered, run, capsys):
    run(f"{STAGE}/r50_score_phantom.py")
    assert "MCC 1.000, ROC AUC 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("truth", None, None, "phantom_test_labels.csv is not there; only phantom data has known answers"),
        ("answers", None, None, f"submission.csv is not there; run: python {STAGE}/r42_process_test.py"),
        ("answers", "100003", "900003", "submission.csv, line 5: filename '900003.mp4' is not one of 100000.mp4"),
        ("means", "100003", "900003", f"{STAGE}_test.csv, line 5: filename '900003.mp4' is not one of"),
        ("means", ",1", ",nan", f"{STAGE}_test.csv, line 3: probability 'nan' is not a number .*r42_process_test.py"),
    ],
)
def test_r50_refuses_tables_that_do_not_fit_with_the_mend(answered, run, table, old, new, message):
    path = answered[table]
    path.write_text(path.read_text().replace(old, new)) if old else path.unlink()
    with pytest.raises(InputError, match=message):
        run(f"{STAGE}/r50_score_phantom.py")
