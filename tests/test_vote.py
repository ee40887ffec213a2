"""Three nets of one folder, from their training to the vote: each has its tables and its threshold."""

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny

from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.joining.answering import join_stages
from stagewise.messages.errors import InputError
from stagewise.prediction.answering import answer_test
from stagewise.prediction.out_of_fold import answer_out_of_fold
from stagewise.recipes.vote import THRESHOLDS
from stagewise.report.making import make_report
from stagewise.training.plans import plan_training
from stagewise.volumes.pklz import load_volume

pytestmark = pytest.mark.slow  # six trainings of three nets

FOLDS = ("--fold", "0", "--fold", "1")
STAGES = [
    tiny.vote_recipe(name=name, epochs=1, net=replace(tiny.VIDEO_NET, family=name.removeprefix("third_place_vote_")))
    for name in THRESHOLDS
]


def run(main, *arguments, words: tuple[str, ...] = (), **options) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["r.py", *words])
        main(*arguments, **options)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Two folds of each net, answered by r41 and r42."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(tmp_path_factory.mktemp("vote")))
        tiny.write_split()
        tiny.write_test_set()
        for stage in STAGES:
            for fold in (0, 1):
                tiny.train(plan_training(stage, read_split(None), fold, seed=1), workers=0, force=False)
        words = (*FOLDS, "--engine", "keras", "--workers", "0")
        run(answer_out_of_fold, *STAGES, doc="", words=words)
        run(answer_test, *STAGES, doc="", words=words)
        yield


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_each_clip_is_answered_by_its_own_statistics_alone_at_its_own_length(answered, stage):
    detailed = pd.read_csv(paths.test_detailed_csv(stage.name)).set_index("filename")
    net = stage.net.build()
    for fold in (0, 1):
        net.load_weights(paths.fold_folder(stage.name, fold) / runs.BEST_WEIGHTS)
        for filename, row in detailed.iterrows():
            clip = stage.prepared.apply(load_volume(paths.volume_path("test", filename)))
            alone = float(np.asarray(net(clip[None]))[0, 0])
            assert row[f"fold_{fold}"] == pytest.approx(alone, abs=1e-5)
            beside = np.concatenate([clip[None], 255 - clip[None]])
            assert float(np.asarray(net(beside))[0, 0]) == pytest.approx(alone, abs=1e-5)


def test_what_follows_is_named_and_one_net_can_be_asked_for_alone(answered, capsys):
    run(answer_out_of_fold, *STAGES, doc="", words=("--dry-run", "--net", "mc3", *FOLDS))
    shown = capsys.readouterr().out
    assert "third_place_vote_mc3" in shown and "r3d" not in shown
    run(answer_test, *STAGES, doc="", words=("--net", "r3d", *FOLDS, "--engine", "keras", "--workers", "0"))
    assert "next: python third_place_vote/r61_vote.py" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(answer_test, *STAGES, doc="", words=("--net", "r18"))


def test_adaptive_answers_which_rest_on_flips_are_refused(answered):
    with pytest.raises(InputError, match=r"--adaptive knows .* by FlippedMean, not by AsItIs; leave it out"):
        run(answer_test, *STAGES, doc="", words=("--adaptive", *FOLDS))


@pytest.mark.parametrize(("words", "needed"), [((), "2-of-3"), (("--method", "winner"), "winner")])
def test_the_vote_is_two_of_three_at_each_nets_own_threshold_or_at_the_winners(answered, words, needed):
    run(join_stages, "", THRESHOLDS, words=words)
    made = json.loads(paths.joined_json().read_text())
    assert made["method"] == needed and sorted(made["stages"]) == sorted(THRESHOLDS)
    votes = []
    for name, winners in THRESHOLDS.items():
        means = pd.read_csv(paths.test_csv(name))["probability"]
        own = json.loads(paths.threshold_json(name).read_text())["threshold"]
        votes.append(means >= winners if words else means > own)
    assert pd.read_csv(paths.submission_csv())["stalled"].tolist() == (np.sum(votes, axis=0) >= 2).astype(int).tolist()


def test_a_report_is_of_the_net_asked_for(answered):
    run(make_report, *STAGES, doc="", words=("--net", "mc3", "--clips", "0", *FOLDS))
    page = (paths.submission_folder() / "report.html").read_text()
    assert "third_place_vote_mc3" in page and "mcc_at_half" in page
    for step in ("r41_process_oof", "r42_process_test", "r51_report"):  # which make this page again, and not R(2+1)D's
        assert f"python third_place_vote/{step}.py --net mc3" in page
