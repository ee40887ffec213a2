"""A recipe of snapshots, from two trainings to the submission: what was kept by number answers together."""

import json
import sys
from dataclasses import replace

import av
import numpy as np
import pandas as pd
import pytest
import tiny

from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.heatmaps.mapping import map_clips
from stagewise.heatmaps.maps import HeatMapper
from stagewise.heatmaps.showing import show_clips
from stagewise.messages.errors import InputError
from stagewise.prediction import predict
from stagewise.prediction.answering import answer_test
from stagewise.prediction.examples import Example
from stagewise.prediction.inference import plan_out_of_fold, plan_test
from stagewise.prediction.out_of_fold import answer_out_of_fold
from stagewise.prediction.threshold import read_threshold
from stagewise.recipes.kept import Snapshots
from stagewise.recipes.starts import ParentSnapshot
from stagewise.report.evidence import gather
from stagewise.report.making import make_report
from stagewise.training.plans import plan_training
from stagewise.volumes.pklz import load_volume

FIRST = tiny.grey_recipe()
SECOND = replace(
    tiny.grey_recipe(name="grey_stage2", epochs=2),
    start=ParentSnapshot("grey_stage1", 1),
    kept=Snapshots("auc", 1, kept_epochs=(2,), earlier=(("grey_stage1", 1), ("grey_stage1", 3))),
)
FOLDS = ("--fold", "0", "--fold", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two stages of two folds, answered by r41 and r42."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STAGEWISE_ROOT", str(tmp_path_factory.mktemp("snapshots")))
        tiny.write_split()
        tiny.write_test_set()
        for stage in (FIRST, SECOND):
            for fold in (0, 1):
                tiny.train(plan_training(stage, read_split(None), fold, seed=1), workers=0, force=False)
        patched.setattr(sys, "argv", ["r4.py", *FOLDS, "--engine", "keras", "--workers", "0"])
        answer_out_of_fold(SECOND, doc="")
        answer_test(SECOND, doc="")
        yield


def answer(volume, fold: int) -> float:
    """The mean of three nets, each looking at the clip alone."""
    files = [("grey_stage1", 1), ("grey_stage1", 3), ("grey_stage2", 2)]
    net, answers = tiny.GREY_NET.build(), []
    for stage, epoch in files:
        net.load_weights(paths.fold_folder(stage, fold) / runs.snapshot_weights(epoch))
        answers.append(float(np.asarray(net(SECOND.prepared.apply(volume)[None], training=False))[0, 0]))
    assert np.ptp(answers) > 1e-4
    return float(np.mean(answers))


def test_the_snapshots_of_both_stages_answer_together_out_of_fold_and_on_the_test_set(trained):
    table = pd.read_csv(paths.oof_csv(SECOND.name))
    for row in table.iloc[[0, -1]].itertuples():
        volume = load_volume(paths.volume_path("train", row.filename))
        assert row.probability == pytest.approx(answer(volume, row.fold), abs=1e-5)
    test = pd.read_csv(paths.test_detailed_csv(SECOND.name))
    for row in test.iloc[[0, -1]].itertuples():
        volume = load_volume(paths.volume_path("test", row.filename))
        for fold in (0, 1):
            assert getattr(row, f"fold_{fold}") == pytest.approx(answer(volume, fold), abs=1e-5)
        assert row.probability == pytest.approx((row.fold_0 + row.fold_1) / 2)


def test_a_threshold_belongs_to_all_the_weights_that_answered(trained):
    plan = plan_test(SECOND, None, [0, 1])
    weights = json.loads(paths.threshold_json(SECOND.name).read_text())["weights"]
    assert weights == plan.weights_sha256 and len(set(weights.values())) == 2
    alone = plan_test(replace(SECOND, kept=replace(SECOND.kept, earlier=())), None, [0, 1])
    assert alone.weights_sha256 == weights  # as the folds were trained, and not as a page says that was changed since


def test_a_snapshot_that_is_gone_or_another_file_is_an_error_with_the_command(trained):
    path = paths.fold_folder("grey_stage1", 1) / runs.snapshot_weights(3)
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1])
        with pytest.raises(
            InputError, match=r"snapshot_0003.* not the file .*python grey_stage1/r31_train.py --fold 1"
        ):
            plan_test(SECOND, None, [0, 1])
        path.unlink()
        with pytest.raises(InputError, match=r"no weights .*snapshot_0003.*python grey_stage1/r31_train.py --fold 1"):
            plan_test(SECOND, None, [0, 1])
    finally:
        path.write_bytes(content)


def test_a_parent_that_was_trained_again_with_another_net_does_not_answer_with_its_child(trained):
    path = paths.fold_folder("grey_stage1", 1) / runs.CONFIG
    content = path.read_text()
    try:
        config = json.loads(content)
        config["recipe"]["net"]["widths"] = [4, 8]
        runs.write_json(path, config)
        with pytest.raises(
            InputError, match=r"grey_stage1/fold_1 was .* another net.* grey_stage1/r31_train.py --fold 1"
        ):
            plan_test(SECOND, None, [0, 1])
    finally:
        path.write_text(content)


def test_adaptive_answers_which_rest_on_flips_are_refused(trained, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r42.py", *FOLDS, "--adaptive", "--workers", "0"])
    with pytest.raises(InputError, match=r"--adaptive knows .* by FlippedMean, not by AsItIs; leave it out"):
        answer_test(SECOND, doc="")


def test_best_answers_by_each_folds_best_epoch_and_its_report_asks_for_it(trained, monkeypatch, capsys):
    written = (paths.oof_csv(SECOND.name), paths.threshold_json(SECOND.name), paths.test_json(SECOND.name))
    before = [path.read_bytes() for path in written[:2]]
    net = tiny.GREY_NET.build()
    monkeypatch.setattr(sys, "argv", ["r41.py", *FOLDS, "--engine", "keras", "--workers", "0", "--best"])
    try:
        answer_out_of_fold(SECOND, doc="")
        assert "next: python grey_stage2/r42_process_test.py --best" in capsys.readouterr().out
        row = next(pd.read_csv(written[0]).itertuples())
        net.load_weights(paths.fold_folder(SECOND.name, row.fold) / runs.BEST_WEIGHTS)
        volume = load_volume(paths.volume_path("train", row.filename))
        alone = float(np.asarray(net(SECOND.prepared.apply(volume)[None], training=False))[0, 0])
        assert row.probability == pytest.approx(alone, abs=1e-5)
        with pytest.raises(InputError, match=r"not chosen with the present weights of fold 0; run: python .*--fold 1$"):
            gather(SECOND, None, [0, 1])
        assert gather(SECOND, None, [0, 1], best=True).out_of_fold.folds == [0, 1]
    finally:
        for path, content in zip(written, before, strict=False):
            path.write_bytes(content)
    with pytest.raises(InputError, match=r"not chosen with the present weights of fold 0; run: python .*--best"):
        read_threshold(plan_test(SECOND, None, [0, 1], best=True))


def test_the_report_names_the_snapshots_of_both_stages_and_shows_clips(trained, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["r51.py", *FOLDS, "--clips", "1"])
    make_report(SECOND, doc="")
    page = (paths.submission_folder() / "report.html").read_text()
    assert "other weights than" not in page and 'src="data:video/mp4' in page
    for said in (
        "Starts from random weights; keeps epochs 1, 3 and the best epoch by ROC AUC.",
        "Starts from epoch 1 of grey_stage1; keeps epoch 2 and the best epoch by ROC AUC.",
        "the mean of 3 snapshots (epochs 1, 3 of grey_stage1; 2 of grey_stage2), with one view of each clip",
        "the mean over the 3 nets that answered: by Grad-CAM",
    ):
        assert said in " ".join(page.split())
    for stage, epochs in ((FIRST, (1, 3)), (SECOND, (2,))):
        for epoch in epochs:
            assert paths.sha256_of(paths.fold_folder(stage.name, 0) / runs.snapshot_weights(epoch)) in page


def map_of(file, example: Example) -> np.ndarray:
    """Grad-CAM of one net, of the clip's own frames."""
    net = tiny.GREY_NET.build()
    net.load_weights(file)
    volume = load_volume(example.volume)
    stalled = example.probability > read_threshold(plan_test(SECOND, None, [0, 1]))
    clip = SECOND.prepared.apply(volume)[None]
    return HeatMapper(tiny.GREY_NET, net, 2).gradcam(clip, stalled, len(volume))[0]


def test_a_map_is_the_mean_over_the_nets_that_answered_and_ends_with_the_clip(trained):
    plan, clips = plan_out_of_fold(SECOND, None, [0, 1]), pd.read_csv(paths.oof_csv(SECOND.name))
    threshold, row = read_threshold(plan), next(clips.itertuples())
    means = pd.read_csv(paths.test_csv(SECOND.name))
    examples = [
        Example("train", row.filename, (row.fold,), row.probability, row.stalled),
        Example("test", means["filename"][0], (0, 1), means["probability"][0], None),
    ]
    weights = dict(zip(plan.folds, plan.weights, strict=True))
    maps = map_clips(examples, plan.recipe, weights, "gradcam", 2, threshold)
    for example, laid in zip(examples, maps, strict=True):
        each = [map_of(file, example) for fold in example.folds for file in weights[fold]]
        assert len(each) == 3 * len(example.folds)
        np.testing.assert_allclose(laid.heat, np.mean(each, axis=0), rtol=1e-3, atol=1e-6)
        frames = len(load_volume(example.volume))
        assert laid.seen == (frames, 12, 12) and len(laid.heat) == laid.grid.voxels(frames) == -(-frames // 4)


@pytest.mark.parametrize("best", [[], ["--best"]])
def test_heat_map_videos_of_mistakes_and_test_clips_are_written(trained, monkeypatch, capsys, best):
    name = pd.read_csv(paths.test_csv(SECOND.name))["filename"][0]
    argv = ["r52.py", *FOLDS, f"test/{name}", "--sure", "1", *best]
    monkeypatch.setattr(sys, "argv", argv)
    if best:  # whose answers r41 has not written
        with pytest.raises(InputError, match=r"not chosen with the present weights .*r41_process_oof.py .*--best"):
            show_clips(SECOND, doc="")
        return
    show_clips(SECOND, doc="")
    said = capsys.readouterr().out
    assert "2 clips of 2 asked for, gradcam behind block 1" in said and said.count("wrote ") == 2
    with av.open(str(paths.submission_folder() / f"heatmaps/test/{name[:-4]}_gradcam_block1.mp4")) as video:
        shown = sum(1 for _ in video.decode(video=0))
    assert shown == len(load_volume(paths.volume_path("test", name)))


@pytest.mark.parametrize("answers", ["r42", "r41", "heat maps"])
def test_one_net_alone_is_built_whichever_of_six_answer(trained, monkeypatch, answers):
    built, build = [], type(tiny.GREY_NET).build
    monkeypatch.setattr(type(tiny.GREY_NET), "build", lambda *given, **named: built.append(1) or build(*given, **named))
    if answers == "r42":
        assert predict.predict_test(plan_test(SECOND, None, [0, 1]), workers=0).shape == (5, 2)
    elif answers == "r41":
        predict.predict_out_of_fold(plan_out_of_fold(SECOND, None, [0, 1]), workers=0)
    else:
        plan = plan_out_of_fold(SECOND, None, [0, 1])
        examples = [Example("train", row.filename, (0, 1), 0.5, 1) for row in plan.table[:1].itertuples()]
        map_clips(examples, SECOND, dict(zip(plan.folds, plan.weights, strict=True)), "statistics", 1, 0.5)
    assert len(built) == 1
