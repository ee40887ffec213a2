"""Each project has its own scores, and it is told whether a net has seen clips of the projects that it answers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef, recall_score, roc_auc_score

from stagewise.data.projects import projects_of, score_projects, write_projects
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.messages.errors import InputError

STAGE = "net_d121_stage1"
PROJECTS = ["A", "A", "B", "B", "C", "C", "D", "D"]
FOLDS = [0, 1, 0, 0, 1, -1, 1, 1]  # A is in two folds, C in one fold and among the rows that are always trained on


@pytest.fixture
def split(root):
    """A split's table on disk, with or without projects."""

    def split(**columns):
        names = [f"{100000 + number}.mp4" for number in range(8)]
        table = pd.DataFrame({"filename": names, "stalled": [0, 1] * 4, "fold": FOLDS, **columns})
        paths.split_csv().parent.mkdir(exist_ok=True)
        table.to_csv(paths.split_csv(), index=False)
        return read_split(None)

    return split


@pytest.fixture
def answers():
    generator = np.random.default_rng(0)
    labels = np.append(generator.integers(0, 2, 90), [0, 0, 1])
    project = np.repeat(["A", "B", "C", "D", "E"], [30, 30, 30, 2, 1])
    probability = np.append(np.clip(generator.normal(0.3 + 0.4 * labels[:90], 0.25), 0, 1), [0.2, 0.2, 0.9])
    return pd.DataFrame({"project_id": project, "project_seen": True, "stalled": labels, "probability": probability})


def test_a_project_is_seen_where_another_fold_or_the_always_trained_rows_hold_it(split):
    known = projects_of(split(project_id=PROJECTS))
    assert known["project_id"].tolist() == PROJECTS
    assert known["project_seen"].tolist() == [True, True, False, False, True, True, False, False]


def test_projects_come_from_the_metadata_where_the_split_has_none(split, root):
    bare = split()
    assert projects_of(bare).columns.tolist() == ["filename"]
    paths.input_folder().mkdir()
    metadata = bare.table[["filename"]][::-1].assign(project_id=PROJECTS[::-1])
    metadata.to_csv(paths.input_folder() / "train_metadata.csv", index=False)
    pd.testing.assert_frame_equal(projects_of(bare), projects_of(split(project_id=PROJECTS)))
    (paths.input_folder() / "train_metadata.csv").write_text("no table")
    with pytest.raises(InputError, match=r"input/train_metadata.csv, line 1: no column filename"):
        projects_of(bare)


def test_a_clip_without_a_project_is_neither_seen_nor_unseen(split):
    known = projects_of(split(project_id=["A", "A", " ", "", *PROJECTS[4:]]))
    assert known["project_seen"].isna().tolist() == [False, False, True, True, False, False, False, False]
    assert known["project_id"].isna().tolist() == known["project_seen"].isna().tolist()


def test_scores_of_a_project_are_scikit_learns_and_undefined_where_a_class_is_missing(answers):
    scores = score_projects(answers, 0.5).set_index("project_id")
    assert scores["clips"].to_dict() == {"A": 30, "B": 30, "C": 30, "D": 2, "E": 1}
    for name, clips in answers[:90].groupby("project_id"):
        called, labels = clips["probability"] > 0.5, clips["stalled"]
        row = scores.loc[name]
        assert row["mcc"] == pytest.approx(matthews_corrcoef(labels, called))
        assert row["roc_auc"] == pytest.approx(roc_auc_score(labels, clips["probability"]))
        assert row["sensitivity"] == pytest.approx(recall_score(labels, called))
        assert row["specificity"] == pytest.approx(recall_score(1 - labels, ~called))
    assert scores.loc["D", ["mcc", "roc_auc", "sensitivity"]].isna().all()
    assert scores.loc["D", "specificity"] == 1
    assert scores.loc["E", ["mcc", "roc_auc", "specificity"]].isna().all()
    assert scores.loc["E", "sensitivity"] == 1


def test_the_table_of_projects_is_written_and_the_lowest_named(root, answers):
    told = write_projects(STAGE, answers, 0.5)
    written = pd.read_csv(paths.oof_projects_csv(STAGE))
    pd.testing.assert_frame_equal(written, score_projects(answers, 0.5), atol=1e-4, check_dtype=False)
    lowest = written.loc[written["mcc"].idxmin()]
    assert f"lowest MCC: {lowest['project_id']} {lowest['mcc']:.3f}" in told
    assert "93 of 93 clips are of projects that other folds hold too" in told
    assert "no project is in two folds" in write_projects(STAGE, answers.assign(project_seen=False), 0.5)


def test_without_projects_one_line_says_so_and_an_older_table_goes(root, answers):
    write_projects(STAGE, answers, 0.5)
    for bare in (answers.drop(columns=["project_id", "project_seen"]), answers.assign(project_id=None)):
        told = write_projects(STAGE, bare, 0.5)
        assert told.startswith("no project_id in the split") and "\n" not in told
        assert not paths.oof_projects_csv(STAGE).exists()
