"""A recipe on a page of its own runs from training to the submission, by the mains that every recipe's scripts call."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import tiny
from fourth_recipe import FIRST_STAGE, PRESETS, SECOND_STAGE

from stagewise.files import paths
from stagewise.folds import runs
from stagewise.heatmaps.showing import show_clips
from stagewise.messages.errors import InputError
from stagewise.prediction.answering import answer_test
from stagewise.prediction.out_of_fold import answer_out_of_fold
from stagewise.recipes.d121 import D121
from stagewise.report.making import make_report
from stagewise.training.stage import train_stage

LOCAL = ("--workers", "0")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Both stages trained, answered out of fold and on the test set, by calls as its scripts would make them."""
    folder = tmp_path_factory.mktemp("fourth")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(folder))
        tiny.write_split()
        tiny.write_test_set()
        for stage in (FIRST_STAGE, SECOND_STAGE):
            patched.setattr(sys, "argv", ["r31_train.py", "--fold", "0", "--fold", "1", *LOCAL])
            train_stage(stage, PRESETS, "", following="")
        patched.setattr(sys, "argv", ["r4.py", "--fold", "0", "--fold", "1", "--engine", "keras", *LOCAL])
        answer_out_of_fold(SECOND_STAGE, doc="")
        answer_test(SECOND_STAGE, doc="")
        yield folder


def test_its_stages_start_from_one_another_and_keep_their_own_numbers(root):
    first, second = (runs.read_config(stage.name, 1) for stage in (FIRST_STAGE, SECOND_STAGE))
    assert second["start"] == {"from": FIRST_STAGE.name, "sha256": first["best"]["sha256"]}
    assert second["recipe"]["net"] == {"kind": "Flat", "input_shape": [8, 12, 12], "hidden": 4}
    assert second["recipe"]["sampling"] == {"kind": "StalledInTurn"}


def test_its_answers_are_the_median_of_the_folds_above_the_threshold_chosen_out_of_fold(root):
    detailed = pd.read_csv(paths.test_detailed_csv(SECOND_STAGE.name))
    median = detailed[["fold_0", "fold_1"]].median(axis=1)
    np.testing.assert_allclose(detailed["probability"], median)
    threshold = json.loads(paths.threshold_json(SECOND_STAGE.name).read_text())
    assert pd.read_csv(paths.submission_csv())["stalled"].tolist() == (median > threshold["threshold"]).tolist()
    assert threshold["calibration"]["training_share"] == 0.5  # as its sampling draws


def test_out_of_fold_the_larger_of_two_looks_counts(root):
    table = pd.read_csv(paths.oof_csv(SECOND_STAGE.name))
    assert (table["probability"] >= table["unflipped"]).all()
    assert (table["probability"] > table["unflipped"]).any()


def test_its_report_shows_clips_alone_since_its_net_offers_no_heat_maps(root, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r51.py", "--fold", "0", "--fold", "1", "--clips", "1", "--engine", "keras"])
    make_report(SECOND_STAGE, doc="")
    page = (paths.submission_folder() / "report.html").read_text()
    assert FIRST_STAGE.name in page and "The clips alone: 4 hidden units offers no features" in page
    assert 'src="data:video/mp4' in page


def test_a_heat_map_of_it_is_refused(root, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r52.py", "--fold", "0", "--sure", "1"])
    with pytest.raises(InputError, match="4 hidden units: such a net offers no features to take a heat map from"):
        show_clips(SECOND_STAGE, doc="")


def test_what_rests_on_a_mean_of_flips_is_refused(root, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r42.py", "--fold", "0", "--fold", "1", "--adaptive", *LOCAL])
    with pytest.raises(InputError, match=r"--adaptive knows .* by FlippedMean, not by LargestOfTwo; leave it out"):
        answer_test(SECOND_STAGE, doc="")


def test_folds_of_another_recipe_are_refused(root, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r42.py", "--fold", "0", *LOCAL])
    other = type(D121)(**{**vars(D121), "name": SECOND_STAGE.name})
    with pytest.raises(InputError, match=r"another net \(Flat\) than the recipe's page has \(DenseNet3D\)"):
        answer_test(other, doc="")
