"""Predictions of trained folds: the same for any batch, worker count and order; bound to weights and split."""

import importlib.util
import io
import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import tiny
from ray_cluster import ray_cluster
from tiny import train

from stagewise.crops.extraction import write_index
from stagewise.crops.roi_index import ROI_INDEX
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.files.shards import Shard
from stagewise.folds import runs
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError, QuarantinedError
from stagewise.prediction import adaptive, predict, spreading
from stagewise.prediction.answering import answer_test
from stagewise.prediction.ensemble import load_fused
from stagewise.prediction.inference import InferencePlan, plan_out_of_fold, plan_test
from stagewise.prediction.predict import predict_out_of_fold, predict_test, predict_volumes
from stagewise.prediction.submission import AnswerSettings, read_means, read_settings, write_submission
from stagewise.prediction.threshold import read_threshold, write_threshold
from stagewise.report.evidence import gather
from stagewise.training.plans import plan_training

STAGE = "net_d121_stage1"
RECIPE = tiny.recipe()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A root with three trained folds, and seven test clips in an order of their own."""
    with pytest.MonkeyPatch.context() as patched:
        root = tmp_path_factory.mktemp("trained")
        patched.setenv("STAGEWISE_ROOT", str(root))
        tiny.write_split()
        split = read_split(None)
        for fold in split.folds:
            train(plan_training(tiny.recipe(epochs=1), split, fold, seed=1), workers=0, force=False)
        names = tiny.write_volumes("test", 7, seed=5)["filename"].sample(frac=1, random_state=0)
        paths.input_folder().mkdir()
        asked = pd.DataFrame({"filename": names, "stalled": 0})
        asked.to_csv(paths.input_folder() / "submission_format.csv", index=False)
        yield root


@pytest.fixture(scope="module")
def in_full(trained):
    """What all folds and flips say of the test clips, (7, 3)."""
    return predict_test(plan_test(RECIPE, None, None), workers=2)


@pytest.fixture
def root(trained, monkeypatch):
    monkeypatch.setenv("STAGEWISE_ROOT", str(trained))
    return trained


def test_out_of_fold_probabilities_come_from_the_net_that_never_saw_the_clip(root):
    plan = plan_out_of_fold(RECIPE, None, None)
    table = predict_out_of_fold(plan, workers=0)
    assert table["filename"].tolist() == read_split(None).table["filename"].tolist()
    for fold in (0, 2):
        of_fold = [*predict_with(plan, [fold], plan.volumes)[:, 0]]
        rows = np.flatnonzero(table["fold"] == fold)
        np.testing.assert_allclose(table["probability"][rows], np.array(of_fold)[rows], atol=1e-6)


def test_projects_of_the_metadata_go_along_with_the_answers(root):
    bare = plan_out_of_fold(RECIPE, None, [0]).table
    path = paths.input_folder() / "train_metadata.csv"
    names = read_split(None).table["filename"]
    pd.DataFrame({"filename": names, "project_id": [f"P{number // 6}" for number in range(len(names))]}).to_csv(path)
    try:
        table = plan_out_of_fold(RECIPE, None, [0]).table
    finally:
        path.unlink()
    assert bare.columns.tolist() == ["filename", "stalled", "fold"]
    assert table["project_id"].tolist() == ["P0", "P0", "P1", "P1", "P2", "P2"]
    assert table["project_seen"].all()  # by the net of fold 0, among the clips of the folds that were not asked for
    pd.testing.assert_frame_equal(table[bare.columns], bare)


def predict_with(plan: InferencePlan, folds: list[int], volumes, batch_size: int = 5, workers: int = 0) -> np.ndarray:
    """The mean over flips of single nets, fold by fold."""
    columns = []
    for fold in folds:
        model = RECIPE.answer.shown(load_fused(tiny.NET, paths.fold_folder(STAGE, fold) / runs.BEST_WEIGHTS))
        with WorkerPool(workers) as pool:
            answers = predict_volumes(model.predict_on_batch, volumes, plan.recipe.prepared, pool, batch_size, "test")
        columns.append(answers.mean(axis=1))
    return np.concatenate(columns, axis=1)


def test_probabilities_do_not_depend_on_batch_size_workers_or_order(root, in_full):
    plan, together = plan_test(RECIPE, None, None), in_full
    assert together.shape == (7, 3)
    assert together.std() > 0
    np.testing.assert_allclose(together, predict_with(plan, [0, 1, 2], plan.volumes), atol=1e-5)
    backwards = predict_with(plan, [0, 1, 2], plan.volumes[::-1], batch_size=3)
    np.testing.assert_allclose(together, backwards[::-1], atol=1e-5)


def test_fewer_folds_only_when_asked(root):
    assert plan_test(RECIPE, None, None).folds == [0, 1, 2]
    assert predict_test(plan_test(RECIPE, None, [2, 0]), workers=0).shape == (7, 2)


def test_a_fold_that_is_not_trained_stops_everything(root, tmp_path):
    fold = paths.fold_folder(STAGE, 1)
    fold.rename(tmp_path / "away")
    try:
        with pytest.raises(InputError, match=f"no trained fold 1 .*python {STAGE}/r31_train.py --fold 1"):
            plan_test(RECIPE, None, None)
    finally:
        (tmp_path / "away").rename(fold)


@pytest.fixture
def r42(root, monkeypatch):
    """r42 of the stage, in this process."""

    def r42(*options: str) -> None:
        monkeypatch.setattr(sys, "argv", ["r42.py", "--workers", "0", "--engine", "keras", *options])
        answer_test(RECIPE, doc="doc")

    return r42


@pytest.fixture
def harmed(root, tmp_path):
    """Three of the seven test clips: one quarantined by r01, one without a volume, one cut off since."""
    names = plan_test(RECIPE, None, None).filenames.tolist()
    quarantined, lost, cut = names[1], names[2], names[5]
    keep = shutil.copytree(paths.roi_folder("test"), tmp_path / "whole")
    row = dict.fromkeys(ROI_INDEX, "0") | {"filename": quarantined, "sha256": "", "status": "quarantined"}
    write_index("test", [row | {"reason": "no orange outline in any frame"}])
    for name in (quarantined, lost):
        paths.volume_path("test", name).unlink()
    path = paths.volume_path("test", cut)
    path.write_bytes(path.read_bytes()[:-9])
    yield {
        quarantined: "no orange outline in any frame",
        lost: "its volume is not there",
        cut: "its volume ends before its checksum (truncated)",
    }
    shutil.rmtree(paths.roi_folder("test"))
    shutil.copytree(keep, paths.roi_folder("test"))
    paths.roi_index("test").unlink()
    shutil.rmtree(paths.submission_folder(), ignore_errors=True)


def test_videos_that_cannot_be_answered_are_refused_before_anything_is_predicted(harmed, r42, monkeypatch):
    monkeypatch.delattr(predict, "predict_test")
    with pytest.raises(InputError) as error:
        r42("--threshold", "0.5")
    said = str(error.value)
    assert said.startswith("3 of 7 test videos cannot be answered:\n") and "r01_extract_roi.py test" in said
    assert all(f"{name}: {reason}" in said for name, reason in harmed.items())
    assert "--unanswered flowing" in said and "--unanswered blank" in said
    assert not paths.submission_csv().exists()


@pytest.mark.parametrize(("row", "stalled", "early"), [("flowing", "0", True), ("blank", "", False)])
def test_the_others_are_answered_as_ever_and_the_rest_gets_the_row_that_was_chosen(
    harmed, in_full, r42, monkeypatch, row, stalled, early
):
    asked = pd.read_csv(paths.input_folder() / "submission_format.csv")["filename"]
    if early:
        stalled_clips = pd.DataFrame({"stalled": [1] * 60, "unflipped": np.linspace(0.01, 0.9, 60)})
        monkeypatch.setattr(adaptive, "read_out_of_fold", lambda *arguments: stalled_clips)
    with pytest.raises(QuarantinedError) as end:  # exit code 5
        r42("--threshold", "0", "--unanswered", row, *["--adaptive"] * early)
    assert all(f"{name}: {reason}" in str(end.value) for name, reason in harmed.items())
    answers, means, detailed = (
        pd.read_csv(path, dtype=str, keep_default_na=False)
        for path in (paths.submission_csv(), paths.test_csv(STAGE), paths.test_detailed_csv(STAGE))
    )
    for table in (answers, means, detailed):
        assert table["filename"].tolist() == asked.tolist()
    without = answers["filename"].isin(list(harmed))
    assert set(answers.loc[without, "stalled"]) == {stalled} and set(answers.loc[~without, "stalled"]) == {"1"}
    assert (means.loc[without, "probability"] == "").all() and (means.loc[~without, "probability"] != "").all()
    assert detailed.set_index("filename")["unanswered"].to_dict() == dict.fromkeys(asked, "") | harmed
    expected = in_full[~without]
    np.testing.assert_allclose(
        detailed.loc[~without, ["fold_0", "fold_1", "fold_2"]].astype(float), expected, atol=1e-6
    )
    assert read_settings(STAGE, "").unanswered == row
    assert read_means(STAGE, "")["filename"].tolist() == asked[~without].tolist()


def test_where_no_video_can_be_answered_there_is_nothing_to_choose(root, r42):
    hidden = paths.roi_folder("test").rename(root / "hidden")
    try:
        with pytest.raises(InputError, match=r"7 of 7 test videos cannot be answered:(.|\n)*r01_extract_roi.py test$"):
            r42("--threshold", "0.5", "--unanswered", "blank")
    finally:
        hidden.rename(paths.roi_folder("test"))


def test_without_a_test_set_it_is_said(root, r42):
    asked = paths.input_folder() / "submission_format.csv"
    hidden = asked.rename(root / "hidden.csv")
    try:
        with pytest.raises(InputError, match=r"there is no test set: .*r01_extract_roi.py test"):
            r42("--threshold", "0.5")
    finally:
        hidden.rename(asked)


@pytest.fixture
def without_split(root):
    """The trained folds, whose split file is gone."""
    hidden = paths.split_csv().rename(root / "hidden.csv")
    yield hidden
    hidden.rename(paths.split_csv())


def test_folds_answer_without_the_split_they_were_trained_on_and_say_so(without_split, r42, capsys):
    r42("--threshold", "0.5")
    said = capsys.readouterr().out
    assert said.endswith(f"next: python {STAGE}/r51_report.py --split YOUR.csv --engine keras\n")
    assert f"{STAGE}: folds 0, 1, 2, 7 clips" in said
    sha256 = paths.sha256_of(without_split)[:12]
    assert f"{paths.shown(paths.split_csv())} is not there; these folds were trained on " in said and sha256 in said
    assert plan_test(RECIPE, None, [1]).folds == [1]
    assert plan_test(RECIPE, without_split, None).folds == [0, 1, 2]
    with pytest.raises(InputError, match=f"no trained fold 7 of {STAGE}"):
        plan_test(RECIPE, None, [0, 7])


@pytest.mark.parametrize("needs_rows", [plan_out_of_fold, gather])
def test_what_needs_the_splits_rows_names_the_split_that_is_gone(without_split, needs_rows):
    with pytest.raises(InputError, match=f"kfold_split_5_42.csv is not there, .*{STAGE} was trained on .*--split"):
        needs_rows(RECIPE, None, None)


def test_folds_of_different_splits_answer_no_video_together(without_split):
    config = runs.read_config(STAGE, 1)
    other = config | {"split": {"file": "other.csv", "sha256": "0" * 64}}
    runs.write_json(paths.fold_folder(STAGE, 1) / runs.CONFIG, other)
    try:
        with pytest.raises(InputError, match=f"folds 0, 1, 2 of {STAGE} were trained on different splits; .*--fold"):
            plan_test(RECIPE, None, None)
        assert plan_test(RECIPE, None, [0, 2]).folds == [0, 2]
    finally:
        runs.write_json(paths.fold_folder(STAGE, 1) / runs.CONFIG, config)


def test_a_split_that_was_not_trained_on_is_refused(root, tmp_path):
    other = read_split(None).table.assign(fold=lambda table: (table["fold"] + 1) % 3)
    other.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match="trained on another split"):
        plan_out_of_fold(RECIPE, tmp_path / "other.csv", None)


def test_submission_has_every_row_of_the_format_in_its_order_and_one_rule_for_above(root):
    plan = plan_test(RECIPE, None, None)
    probabilities = np.linspace(0.1, 0.9, 21).reshape(7, 3)
    threshold = float(probabilities.mean(axis=1)[3])  # on the threshold is flowing
    settings = AnswerSettings(threshold, plan.weights_sha256)
    asked = plan.table.assign(asked=plan.filenames.str.removesuffix(".mp4"))  # as the format spells them
    *tables, _ = write_submission(RECIPE, asked, probabilities, settings)
    detailed, mean, answers = map(pd.read_csv, tables)
    in_format = pd.read_csv(paths.input_folder() / "submission_format.csv")
    assert answers.columns.tolist() == in_format.columns.tolist()
    assert detailed["filename"].tolist() == mean["filename"].tolist() == in_format["filename"].tolist()
    assert answers["filename"].astype(str).tolist() == asked["asked"].tolist()
    assert answers["stalled"].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert detailed.columns.tolist() == ["filename", "fold_0", "fold_1", "fold_2", "probability"]
    np.testing.assert_allclose(mean["probability"], probabilities.mean(axis=1))


def test_submission_refuses_a_missing_probability(root):
    plan = plan_test(RECIPE, None, None)
    probabilities = np.full((7, 3), 0.5)
    probabilities[4, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        write_submission(RECIPE, plan.table, probabilities, AnswerSettings(0.5, plan.weights_sha256))


def test_threshold_is_read_back_for_its_own_weights_alone(root):
    plan = plan_out_of_fold(RECIPE, None, None)
    table = plan.table.assign(probability=0.3 + 0.4 * plan.table["stalled"])
    assert "ROC AUC 1.0000, MCC 1.0000" in str(write_threshold(plan, table, seed=1, prevalence=0.003))
    content = json.loads(paths.threshold_json(STAGE).read_text())
    assert 0.3 < content["threshold"] < 0.7
    assert content["at_prevalence"]["share"] == 0.003
    assert content["calibration"]["training_share"] == plan.recipe.fitted_share(plan.table["stalled"])
    assert len(content["curve"]) == 96
    written = [paths.threshold_json(STAGE).with_name(name) for name in ("mcc_curve.png", "reliability.png")]
    first = [path.read_bytes() for path in written]
    assert min(map(len, first)) > 1000
    write_threshold(plan, table, seed=1, prevalence=0.003)
    assert [path.read_bytes() for path in written] == first
    test = plan_test(RECIPE, None, None)
    assert read_threshold(test) == content["threshold"]
    content["weights"]["1"] = "0" * 64
    paths.threshold_json(STAGE).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"not chosen with the present weights of fold 1; run: python .*r41"):
        read_threshold(test)
    paths.threshold_json(STAGE).unlink()
    with pytest.raises(InputError, match=r"no threshold .*r41_process_oof.py, or give one with --threshold"):
        read_threshold(test)
    with pytest.raises(InputError, match=r"r41_process_oof.py$"):
        read_threshold(test, otherwise="")


def test_a_mend_names_the_split_and_the_folds_that_were_asked_for(root, tmp_path):
    own = tmp_path / "my own.csv"
    own.write_bytes(paths.split_csv().read_bytes())
    for split, folds, options in ((None, None, ""), (own, [0], f" --split '{own}' --fold 0")):
        with pytest.raises(InputError, match=f"r41_process_oof.py{options}$"):
            read_threshold(plan_test(RECIPE, split, folds), otherwise="")


def test_the_mend_of_an_absent_fold_is_trained_as_the_others_on_the_split_asked_for(root, tmp_path, monkeypatch):
    shutil.copytree(paths.models_folder() / STAGE, tmp_path / "models" / STAGE, ignore=lambda *_: ["fold_1"])
    shutil.copytree(paths.modified_data_folder(), tmp_path / "modified_data")
    monkeypatch.setenv("STAGEWISE_ROOT", str(tmp_path))
    own = tmp_path / "own.csv"
    own.write_bytes(paths.split_csv().read_bytes())
    with pytest.raises(InputError) as error:
        plan_out_of_fold(RECIPE, own, None)
    assert f"run: python {STAGE}/r31_train.py --fold 1 --split own.csv --seed 1" in str(error.value)
    assert str(error.value).endswith("; or ask for those that are there: --fold 0 --fold 2")
    assert plan_out_of_fold(RECIPE, own, [0, 2]).folds == [0, 2]


def test_adaptive_answers_settle_some_clips_and_equal_the_full_ensemble_for_the_others(root, in_full, monkeypatch):
    plan, full = plan_test(RECIPE, None, None), in_full
    oof = predict_out_of_fold(plan_out_of_fold(RECIPE, None, None), workers=0)
    middle = float(np.median(full.mean(axis=1)))
    margins = adaptive.Margins(first=float(np.sort(full[:, 0])[1]), folds=middle, expected=0.0)
    monkeypatch.setattr(adaptive, "PILOT_LEAST", 1)
    monkeypatch.setattr(adaptive, "learn_margins", lambda *arguments: margins)
    compiled, compile_model = [], predict.predictor
    monkeypatch.setattr(
        predict, "predictor", lambda model, precision: compiled.append(model) or compile_model(model, precision)
    )
    answers = adaptive.predict_adaptive(plan, oof, 0.5, 0.003, 1e-4, seed=0, workers=0)
    assert len(compiled) == len(set(map(id, compiled))) == 3  # a model a level, each compiled once
    complete = answers.passes >= 24
    np.testing.assert_allclose(answers.probabilities[complete], full[complete], atol=1e-6)
    assert set(answers.passes[~complete]) == {1, 4}
    assert (np.isfinite(answers.probabilities).sum(axis=1)[answers.passes == 1] == 1).all()
    settings = AnswerSettings(0.5, plan.weights_sha256, {"bound": 1e-4})
    written = write_submission(RECIPE, plan.table, answers.probabilities, settings, answers.passes)
    assert read_settings(STAGE, "") == settings
    assert pd.read_csv(written[0])["passes"].tolist() == answers.passes.tolist()


def test_a_test_set_no_larger_than_the_pilot_is_answered_in_full(root, in_full):
    plan = plan_test(RECIPE, None, None)
    oof = pd.DataFrame({"stalled": [1] * 60, "unflipped": np.linspace(0.01, 0.9, 60)})
    answers = adaptive.predict_adaptive(plan, oof, 0.5, 0.003, 1e-4, seed=0, workers=0)
    np.testing.assert_allclose(answers.probabilities, in_full, atol=1e-6)
    assert (answers.passes == 24).all() and answers.pilot == 7


SHARDS = [Shard(3, number) for number in (1, 2, 3)]


@pytest.fixture
def tables(root):
    """A function that gives the files of the answers as they are, by name, and removes them; none is there before."""
    folder = paths.submission_folder()

    def taken() -> dict[str, bytes]:
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        shutil.rmtree(folder)
        return files

    shutil.rmtree(folder, ignore_errors=True)
    yield taken
    shutil.rmtree(folder, ignore_errors=True)


def test_three_shards_gathered_equal_the_unsharded_tables_and_what_lacks_is_done(r42, tables, monkeypatch, capsys):
    r42("--threshold", "0.5")
    single = tables()
    for shard in SHARDS:
        r42("--shard", str(shard))  # needs no threshold yet
        assert [path.name for path in paths.submission_folder().glob("*.csv")] == []
    parts = {name: content for name, content in tables().items() if name.endswith(".json")}
    assert {*parts} == {f"{STAGE}_test.{number}-of-3.json" for number in (1, 2, 3)}
    predicted = []
    predict_all = predict.predict_test
    monkeypatch.setattr(
        predict, "predict_test", lambda plan, workers: predicted.extend(plan.filenames) or predict_all(plan, workers)
    )
    for there in (parts, {name: parts[name] for name in sorted(parts)[:2]}):
        predicted.clear()
        paths.submission_folder().mkdir()
        for name, content in there.items():
            (paths.submission_folder() / name).write_bytes(content)
        r42("--threshold", "0.5")
        assert f"gathers {len(there)} of 3 shards" in capsys.readouterr().out
        assert tables() == single  # and no part is left
        lacking = SHARDS[len(there) :]
        assert {*predicted} == {
            name for name in plan_test(RECIPE, None, None).filenames if lacking and lacking[0].has(name)
        }


def test_a_clusters_worker_is_sent_its_own_rows_and_none_of_the_split(root):
    plan = plan_test(RECIPE, None, None)
    part = spreading._rows(plan, 2, 4)
    assert part.filenames.tolist() == plan.filenames[2:4].tolist() and part.volumes == plan.volumes[2:4]
    assert part.split.table.empty and part.weights_sha256 == plan.weights_sha256


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is in requirements-test.txt")
def test_a_cluster_answers_as_this_machine_does(r42, tables, capsys):
    r42("--threshold", "0.5")
    single = tables()
    with ray_cluster(nodes=1) as cluster:
        r42("--threshold", "0.5", "--cluster", cluster.address, "--workers", "1")
    assert f"1 worker of the cluster at {cluster.address}, of 1 core each" in capsys.readouterr().out
    found = tables()
    assert {*found} == {*single}
    for name in (name for name in single if name.endswith(".csv")):
        ours, theirs = (pd.read_csv(io.BytesIO(files[name])) for files in (found, single))
        pd.testing.assert_frame_equal(ours, theirs, atol=1e-6)


def test_a_volume_that_changed_since_its_shard_is_answered_anew(r42, tables, tmp_path):
    for shard in SHARDS:
        r42("--shard", str(shard))
    first, second, *_ = plan_test(RECIPE, None, None).volumes
    keep = shutil.copy(first, tmp_path / "first")
    shutil.copy(second, first)
    try:
        r42("--threshold", "0.5")
        gathered = tables()
        r42("--threshold", "0.5")
        assert tables() == gathered
    finally:
        shutil.copy(keep, first)


@pytest.mark.parametrize("harm", ["weights", "folds", "cut", "number"])
def test_a_part_of_other_weights_or_a_damaged_one_is_refused_naming_its_shard(r42, tables, harm):
    r42("--shard", "2/3", *["--fold", "0", "--fold", "2"] * (harm == "folds"))
    part = paths.submission_folder() / f"{STAGE}_test.2-of-3.json"
    content = json.loads(part.read_text())
    if harm == "weights":
        content["weights"]["1"] = "0" * 64
    if harm == "number":
        content["answers"]["100000.mp4"] = {"volume": "0" * 64, "probabilities": [0.5, float("nan"), 0.5]}
    part.write_text(json.dumps(content)[: -9 if harm == "cut" else None])
    other = r"was answered by other weights \("
    said = {"weights": rf"{other}fold 1\)", "folds": rf"{other}of the folds 0, 2, not 0, 1, 2\)"}.get(
        harm, "is damaged"
    )
    with pytest.raises(
        InputError, match=rf"test\.2-of-3\.json {said}.*; run: python .*r42_process_test.py --shard 2/3"
    ):
        r42("--threshold", "0.5")
    assert {*tables()} == {part.name, part.with_suffix(".lock").name}


def test_an_adaptive_ensemble_and_shards_exclude_each_other(r42, tables, monkeypatch):
    with pytest.raises(InputError, match="leave out --adaptive, or --shard"):
        r42("--threshold", "0.5", "--adaptive", "--shard", "1/3")
    r42("--shard", "1/3")
    monkeypatch.setattr(adaptive, "read_out_of_fold", lambda *arguments: None)
    with pytest.raises(
        InputError, match=r"test\.1-of-3\.json is a shard's, which an adaptive ensemble makes no use of"
    ):
        r42("--threshold", "0.5", "--adaptive")


def test_in_a_shard_as_in_the_whole_videos_that_cannot_be_answered_are_refused_or_left_out(harmed, r42, tables):
    with pytest.raises(QuarantinedError):
        r42("--threshold", "0.5", "--unanswered", "blank")
    single = tables()
    for shard in SHARDS:
        bad = {name: reason for name, reason in harmed.items() if shard.has(name)}
        if not bad:
            r42("--shard", str(shard))
            continue
        with pytest.raises(InputError, match=rf"{len(bad)} of \d test videos cannot be answered"):
            r42("--shard", str(shard))
        with pytest.raises(QuarantinedError) as end:
            r42("--shard", str(shard), "--unanswered", "blank")
        assert all(f"{name}: {reason}" in str(end.value) for name, reason in bad.items())
    with pytest.raises(QuarantinedError):
        r42("--threshold", "0.5", "--unanswered", "blank")
    assert tables() == single
