"""A split that shares projects between folds scores too high where there is something to share, and that is told."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from house import main_of
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from stagewise.data.fold_making import FoldMaking, gen_kfold_split
from stagewise.data.projects import projects_of
from stagewise.data.splits import Split
from stagewise.data.tables import read_oof_table
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.scores import score
from stagewise.scores.leakage import compare_splits, scorer
from stagewise.scores.paired import RESAMPLES

STAGE = "net_d121_stage3_tier1"
SCRIPT = Path(__file__).parents[1] / STAGE / "r53_compare_splits.py"


def clips(stalled_share: np.ndarray, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Fifteen clips of each of 40 projects, and what can be seen of each: its project's looks, and a hint of motion."""
    generator = np.random.default_rng(seed)
    project = np.repeat(np.arange(40), 15)
    stalled = (generator.random(600) < stalled_share[project]).astype(int)
    looks = generator.normal(size=(40, 4))[project] + generator.normal(0, 0.2, (600, 4))
    names = [f"{100000 + number}.mp4" for number in range(600)]
    table = pd.DataFrame({"filename": names, "stalled": stalled, "project_id": project.astype(str)})
    return table, np.column_stack([looks, stalled + generator.normal(0, 0.7, 600)])


def out_of_fold(table: pd.DataFrame, seen: np.ndarray, group: str | None) -> pd.DataFrame:
    """What a classifier of nearest neighbours answers to the folds of r03's split, as r41 writes it."""
    split = gen_kfold_split(table, FoldMaking(group=group))
    probability = np.empty(len(split))
    for fold in range(5):
        own = (split["fold"] == fold).to_numpy()
        neighbours = KNeighborsClassifier(11).fit(seen[~own], split["stalled"][~own])
        probability[own] = neighbours.predict_proba(seen[own])[:, 1]
    known = projects_of(Split(Path("split.csv"), "", split)).drop(columns="filename")
    return split[["filename", "stalled", "fold"]].join(known).assign(probability=probability, unflipped=probability)


@pytest.fixture(scope="module")
def leaking():
    """Out-of-fold tables of the plain and of the grouped split; projects differ in how many of their clips stall."""
    table, seen = clips(np.random.default_rng(0).permutation(np.linspace(0, 0.9, 40)), seed=0)
    return out_of_fold(table, seen, None), out_of_fold(table, seen, "project_id")


@pytest.fixture
def compare(root, monkeypatch, capsys):
    """r53's output for two tables."""

    def compare(own: pd.DataFrame, other: pd.DataFrame) -> str:
        for path, table in ((paths.oof_csv(STAGE), own), (root / "other.csv", other)):
            path.parent.mkdir(exist_ok=True)
            table.to_csv(path, index=False)
        main = main_of(SCRIPT)
        monkeypatch.setattr(sys, "argv", ["r53", str(root / "other.csv")])
        main()
        return capsys.readouterr().out

    return compare


def test_a_true_leak_is_pointed_out_from_either_side(leaking, compare):
    plain, grouped = leaking
    gap = roc_auc_score(plain["stalled"], plain["probability"]) - roc_auc_score(
        grouped["stalled"], grouped["probability"]
    )
    assert gap > 0.05
    told = compare(plain, grouped)
    assert (
        f"leakage: the split of modified_data/{STAGE}_oof.csv has projects in several folds and scores {gap:.3f}"
        in told
    )
    assert "600 clips of 40 projects are in both tables" in told
    assert f"leakage: the split of other.csv has projects in several folds and scores {gap:.3f}" in compare(
        grouped, plain
    )


def test_no_leak_is_pointed_out_where_projects_say_nothing_about_the_answer(compare):
    for seed in range(4):
        table, seen = clips(np.full(40, 0.4), seed)
        told = compare(out_of_fold(table, seen, None), out_of_fold(table, seen, "project_id"))
        assert "no leakage is seen" in told


def test_nothing_follows_from_two_splits_of_one_kind_or_of_unknown_projects(leaking, compare):
    plain, grouped = leaking
    shuffled = plain.assign(probability=plain["probability"].sample(frac=1, random_state=0).to_numpy())
    assert "neither split keeps projects apart" in compare(plain, shuffled)
    same = compare(grouped, grouped)
    assert "both splits keep projects apart" in same
    assert "ROC AUC +0.0000 (+0.0000 to +0.0000), MCC +0.0000 (+0.0000 to +0.0000)" in same  # resamples are paired
    told = compare(plain, grouped.drop(columns=["project_id", "project_seen"]))
    assert "other.csv does not say of every clip whether its project was seen" in told
    assert "ROC AUC +0." in told


def test_only_shared_clips_count(leaking, compare):
    plain, grouped = leaking
    told = compare(plain, pd.concat([grouped[100:], grouped[:50].assign(filename=lambda t: "9" + t["filename"])]))
    assert "500 clips of" in told
    alone = compare(plain[100:], grouped[100:])
    assert told == alone


def test_weights_score_as_repeated_rows():
    generator = np.random.default_rng(0)
    stalled, probabilities = generator.integers(0, 2, 80), generator.integers(0, 30, 80) / 30  # with ties
    weights = generator.integers(0, 4, 80)
    rows = np.repeat(np.arange(80), weights)
    expected = (
        roc_auc_score(stalled[rows], probabilities[rows]),
        score.mcc_curve(stalled[rows], probabilities[rows]).max(),
    )
    np.testing.assert_allclose(scorer(stalled, probabilities)(weights), expected, atol=1e-12)
    assert np.isnan(scorer(stalled, probabilities)(stalled)).all()  # no flowing clip drawn


def test_clips_of_few_projects_are_less_sure_than_as_many_of_many(leaking):
    files = (Path("a.csv"), Path("b.csv"))
    alone = [table.assign(project_id="") for table in leaking]
    widths = [np.ptp(compare_splits(files, tuple(tables), seed=0).interval, axis=1) for tables in (leaking, alone)]
    assert (widths[0] > widths[1]).all()
    assert RESAMPLES >= 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(stalled=1 - table["stalled"]), "contradict each other about 100000.mp4"),
        (lambda table: table[table["stalled"] == 0], "clips, 0 stalled: too few"),
        (lambda table: table.assign(filename="9" + table["filename"]), "share 0 clips, 0 stalled: too few"),
        (lambda table: table.drop(columns="probability"), "other.csv, line 1: no column probability; .*that r41 wrote"),
        (lambda table: table.assign(probability=7), "other.csv, line 2: probability '7' is outside 0-1"),
        (
            lambda table: table.assign(project_seen="perhaps"),
            "line 2: project_seen 'perhaps' is neither True nor False",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(leaking, compare, change, message):
    with pytest.raises(InputError, match=message):
        compare(leaking[0], change(leaking[1]))


def test_a_missing_table_names_the_command(root, leaking):
    with pytest.raises(InputError, match=r"oof.csv is not there; run: python .*r41"):
        read_oof_table(paths.oof_csv(STAGE), f"run: python {STAGE}/r41_process_oof.py")
