"""A split of which every net trains on all rows but one fold's, as a winner did who held little out; and says so."""

import sys

import pandas as pd
import pytest
import tiny

from stagewise.data.splits import ALWAYS_TRAINED, read_split
from stagewise.files import paths
from stagewise.prediction.answering import answer_test
from stagewise.prediction.inference import plan_test
from stagewise.prediction.out_of_fold import answer_out_of_fold
from stagewise.recipes.rows import Tier1
from stagewise.report.evidence import gather
from stagewise.report.page import render
from stagewise.training.plans import plan_training

FOLD = 2
NOTE = (
    "10 of 14 clips (5 stalled) are of fold -1: every net saw them in training; "
    "scores are of the 4 clips (2 stalled) of fold 2 alone"
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A recipe that takes tier 1 alone, trained and answered on such a split."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(tmp_path_factory.mktemp("one_fold")))
        table = tiny.write_volumes("train", 18)
        table["fold"] = table["fold"].where(table["fold"] == FOLD, ALWAYS_TRAINED)
        table.to_csv(paths.split_csv(), index=False)
        tiny.write_test_set()
        stage = tiny.recipe(rows=Tier1(), epochs=1)
        plan = plan_training(stage, stage.rows.of(read_split(None)), FOLD, seed=1)
        assert (len(plan.training.labels), plan.folder.name) == (10, "fold_2")
        tiny.train(plan, workers=0, force=False)
        yield stage


def test_what_was_seen_in_training_is_said_by_r41_r42_and_the_report(stage, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["r4.py", "--engine", "keras", "--workers", "0"])
    answer_out_of_fold(stage, doc="")
    answered = pd.read_csv(paths.oof_csv(stage.name))
    assert len(answered) == 4 and set(answered["fold"]) == {FOLD}
    answer_test(stage, doc="")
    assert capsys.readouterr().out.count(NOTE) == 2
    evidence = gather(stage, None, None)
    assert NOTE in str(evidence) and NOTE in render(evidence, [])


def test_where_the_split_is_gone_nothing_is_known_of_its_rows(stage):
    hidden = paths.split_csv().rename(paths.split_csv().with_name("hidden.csv"))
    try:
        assert "in training" not in str(plan_test(stage, None, None))
    finally:
        hidden.rename(paths.split_csv())


def test_a_split_that_holds_every_clip_out_once_has_no_such_note(root):
    tiny.write_split()
    assert read_split(None).seen_note([0, 1, 2]) == ""
