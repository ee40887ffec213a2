"""Answers of the X-rays: each image by nets that never saw it, in bounded memory, resumable, tied to their weights."""

import json
import shlex
import sys

import made_masks
import numpy as np
import pandas as pd
import pytest
from made_masks import FOLDS, NETS, PART, QUARANTINED, SNAPSHOTS, TEST_NAMES, stage_of

from stagewise.files import paths, xray_paths
from stagewise.folds import runs
from stagewise.masks.answering import answer_test
from stagewise.masks.blending import blend_experiments
from stagewise.masks.out_of_fold import answer_out_of_fold
from stagewise.masks.phantom_score import score_phantom
from stagewise.masks.plans import plan_out_of_fold, plan_test, stages_asked
from stagewise.masks.predicting import fill_out_of_fold, fill_test
from stagewise.masks.store import Store, out_of_fold_store
from stagewise.masks.submission import read_answers
from stagewise.messages.commands import OUT_OF_FOLD, TRAIN, net_of, step_of
from stagewise.messages.errors import InputError, QuarantinedError
from stagewise.recipes.mask_rules import Triplet
from stagewise.recipes.pneumothorax import EXPERIMENTS
from stagewise.recipes.winners_masks import BLENDS, TRIPLETS
from stagewise.report.mask_making import make_report
from stagewise.scores.dice import dice
from stagewise.scores.mask_counts import dice_of
from stagewise.volumes.grey_images import load_grey
from stagewise.volumes.probability_images import image_in, load_probabilities
from stagewise.xrays.counts_table import read_counts
from stagewise.xrays.finished_masks import finished_mask
from stagewise.xrays.mask_table import read_mask_table

FIRST = EXPERIMENTS[NETS[0]][PART]
LOCAL = ("--workers", "0", "--engine", "keras")


@pytest.fixture
def trained(root):
    made_masks.make_data()
    made_masks.make_trainings(NETS[0])


@pytest.fixture
def answered(root):
    made_masks.make_data()
    made_masks.make_trainings(
        *NETS, weights=lambda recipe, seed: f"{recipe.name} {seed}".encode()
    )  # nothing reads them
    for seed, net in enumerate(NETS):
        made_masks.answer(net, seed)


def run(monkeypatch, main, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", *words])
    main()


def r41(monkeypatch, *words: str) -> None:
    run(monkeypatch, lambda: answer_out_of_fold(EXPERIMENTS, "doc"), *LOCAL, *words)


def r42(monkeypatch, *words: str) -> None:
    with pytest.raises(QuarantinedError):  # one image was set aside
        run(monkeypatch, lambda: answer_test(EXPERIMENTS, "doc"), *LOCAL, "--unanswered", "empty", *words)


def content(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_every_image_is_answered_by_the_kept_nets_of_its_own_fold_alone(trained):
    plan = plan_out_of_fold(FIRST, None, None)
    store = fill_out_of_fold(plan, workers=0)
    split = pd.read_csv(xray_paths.split_csv())
    assert plan.filenames.tolist() == split.query("fold >= 0")["filename"].tolist()
    for fold, files in zip(plan.folds, plan.weights, strict=True):
        assert [file.name for file in files] == [runs.snapshot_weights(epoch) for epoch in SNAPSHOTS]
        nets = [plan.recipe.net.build() for _ in files]
        for net, file in zip(nets, files, strict=True):
            net.load_weights(file)
        for name in plan.table.query(f"fold == {fold}")["filename"][:2]:
            image = load_grey(xray_paths.image_path("train", name))[None, ..., None]
            seen = plan.recipe.prepared.apply(image)[0, ..., 0]
            expected = np.mean([made_masks.mirrored_mean(net, seen) for net in nets], axis=0)
            assert np.abs(store.image(name) - expected).max() < 1e-4
    answers = dict(zip(plan.filenames, plan.table["fold"], strict=True))
    assert set(content(store.folder)) == {f"{name}.png" for name in answers}


@pytest.mark.parametrize("fill", [fill_out_of_fold, fill_test])
def test_group_by_group_and_with_workers_answers_are_those_of_all_at_once(trained, fill):
    plan = (plan_out_of_fold if fill is fill_out_of_fold else plan_test)(FIRST, None, None)
    at_once = content(fill(plan, workers=0).folder)
    in_groups = content(fill(plan, workers=1, force=True, group=1).folder)
    assert len(at_once) == len(plan.table)
    store = fill(plan, workers=0)
    assert content(store.folder) == in_groups == at_once


def test_what_an_interrupted_run_has_answered_is_not_answered_again_and_all_is_as_if_uninterrupted(
    trained, monkeypatch
):
    plan = plan_test(FIRST, None, None)
    whole = content(fill_test(plan, workers=0).folder)
    folder = xray_paths.probabilities_folder(plan.stage)
    for path in folder.glob("*.png"):
        path.unlink()
    saved, save = [], Store.save

    def save_two(self, name, probabilities):
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(name)
        save(self, name, probabilities)

    monkeypatch.setattr(Store, "save", save_two)
    with pytest.raises(KeyboardInterrupt):
        fill_test(plan, workers=0)
    written = {name: image_in(folder, name).stat().st_mtime_ns for name in saved}
    monkeypatch.setattr(Store, "save", save)
    assert content(fill_test(plan, workers=0).folder) == whole
    assert {name: image_in(folder, name).stat().st_mtime_ns for name in saved} == written


def test_probabilities_of_other_weights_are_refused_or_with_force_made_anew(trained):
    plan = plan_out_of_fold(FIRST, None, None)
    before = content(fill_out_of_fold(plan, workers=0).folder)
    files = {runs.snapshot_weights(epoch): (epoch, 99) for epoch in SNAPSHOTS}
    made_masks.write_fold(made_masks.recipe_of(NETS[0]), 1, files | {runs.BEST_WEIGHTS: (0, 99)})
    plan = plan_out_of_fold(FIRST, None, None)
    names = plan.filenames.tolist()
    with pytest.raises(InputError, match=f"were made of other weights.*--net {NETS[0]} --part {PART}.*--force"):
        fill_out_of_fold(plan, workers=0)
    with pytest.raises(InputError, match="were made of other weights"):
        out_of_fold_store(plan).images(names)
    after = content(fill_out_of_fold(plan, workers=0, force=True).folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"{name}.png" for name in plan.table.query("fold == 1")["filename"]}
    assert len(list(out_of_fold_store(plan).images(names))) == len(names)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda store: (store.folder / "made_from.json").write_text("{"), "is damaged"),
        (lambda store: (store.folder / "made_from.json").unlink(), "were made of nobody knows what"),
        (lambda store: image_in(store.folder, next(iter(store.wanted))).unlink(), "no probabilities"),
    ],
)
def test_a_damaged_store_is_not_read(answered, damage, message):
    plan = plan_out_of_fold(FIRST, None, None)
    store = out_of_fold_store(plan)
    damage(store)
    with pytest.raises(InputError, match=f"{message}.*run: python pneumothorax/{OUT_OF_FOLD}.py --net {NETS[0]}"):
        store.images(plan.filenames.tolist())


def test_r41_counts_what_is_stored_and_chooses_on_it(answered, monkeypatch, capsys):
    r41(monkeypatch)
    said = capsys.readouterr().out
    assert "next: python pneumothorax/r42_process_test.py --workers 0" in said.splitlines()[-1]
    for net in NETS:
        plan = plan_out_of_fold(EXPERIMENTS[net][PART], None, None)
        names, folds, counts = read_counts(xray_paths.oof_csv(plan.stage), "mend")
        assert (names, folds.tolist()) == (plan.filenames.tolist(), plan.table["fold"].tolist())
        rule = Triplet(
            **{k: v for k, v in json.loads(xray_paths.rule_json(plan.stage).read_text())["rule"].items() if k != "kind"}
        )
        for row, name in enumerate(names):
            mask = rule.mask(out_of_fold_store(plan).image(name))
            true = load_mask_or_none(name)
            small = plan.recipe.prepared.apply(true[None, ..., None])[0, ..., 0] > 127
            if not true.any() or not mask.any():  # how a mask is made smaller is of others' tests
                assert dice_of(counts.rows(np.array([row])), rule)[0] == pytest.approx(dice(small, mask), abs=1e-6)
        assert f"{net}: {PART} is its last part with a finished fold" in said


def load_mask_or_none(name: str) -> np.ndarray:
    path = xray_paths.mask_path(name)
    return load_grey(path) if path.exists() else np.zeros((made_masks.SIDE,) * 2, np.uint8)


@pytest.mark.parametrize("asked", ["oof", "winner", "0.8,500,0.2"])
def test_the_submission_is_the_rule_on_the_stored_probabilities_row_for_row(answered, monkeypatch, asked):
    net = NETS[1]
    r41(monkeypatch, "--net", net)
    r42(monkeypatch, "--net", net, "--rule", asked)
    chosen = json.loads(xray_paths.rule_json(stage_of(net)).read_text())["rule"]
    rule = {
        "oof": Triplet(chosen["top"], chosen["area"], chosen["bottom"]),
        "winner": TRIPLETS[net],
        "0.8,500,0.2": Triplet(0.8, 500, 0.2),
    }[asked]
    submitted = read_mask_table(xray_paths.submission_csv())
    assert tuple(submitted.images) == TEST_NAMES
    for name in TEST_NAMES:
        mask, _ = submitted.images[name].mask((made_masks.SIDE,) * 2)
        expected = np.zeros_like(mask, bool)
        if name != QUARANTINED:
            path = image_in(xray_paths.probabilities_folder(stage_of(net)), name)
            expected = finished_mask(load_probabilities(path, ""), rule, None, made_masks.SIDE)
        assert np.array_equal(mask > 0, expected)
    answers = read_answers("mend")
    assert answers.settings.rule_from == ("given" if "," in asked else asked)
    assert answers.settings.stages == {stage_of(net): 1.0} and list(answers.settings.unanswered) == [QUARANTINED]
    xray_paths.submission_csv().write_text("ImageId,EncodedPixels\n")
    with pytest.raises(InputError, match="is not the one"):
        read_answers("mend")


def test_the_submission_spells_the_images_as_the_sample_does(answered, monkeypatch, capsys):
    spelled = [f"{name}.dcm" for name in TEST_NAMES]
    pd.DataFrame({"ImageId": spelled, "EncodedPixels": "-1"}).to_csv(xray_paths.sample_submission(), index=False)
    r41(monkeypatch)
    r42(monkeypatch)
    assert pd.read_csv(xray_paths.submission_csv())["ImageId"].tolist() == spelled
    assert list(read_answers("mend").settings.unanswered) == [QUARANTINED]
    run(monkeypatch, lambda: score_phantom("doc"))  # which knows them by their own names
    assert f"phantom test: {len(spelled)} images" in capsys.readouterr().out


def test_an_image_that_was_set_aside_must_be_answered_for(answered, monkeypatch):
    r41(monkeypatch)
    with pytest.raises(InputError, match=r"(?s)cut<b>off: is cut off.*--unanswered empty"):
        run(monkeypatch, lambda: answer_test(EXPERIMENTS, "doc"), *LOCAL)
    assert not xray_paths.submission_csv().exists()


def r61(monkeypatch, *words: str) -> None:
    with pytest.raises(QuarantinedError):
        main = lambda: blend_experiments(EXPERIMENTS, "doc")  # noqa: E731
        run(monkeypatch, main, "--workers", "0", "--unanswered", "empty", *words)


@pytest.mark.parametrize(("words", "share"), [((), 0.5), (("--weights", "albunet_public=0.25,seunet=0.75"), 0.25)])
def test_a_blend_is_the_weighted_mean_by_the_rule_that_its_own_mean_chooses(answered, monkeypatch, words, share):
    r61(monkeypatch, *words)
    settings = read_answers("mend").settings
    assert list(settings.stages.values()) == [share, 1 - share] and settings.rule_from == "oof"
    assert settings.choice["candidates"]["triplet"]["rule"] == settings.rule
    submitted = read_mask_table(xray_paths.submission_csv())
    for name in TEST_NAMES[:2]:
        files = [image_in(xray_paths.probabilities_folder(stage), name) for stage in settings.stages]
        first, second = (load_probabilities(file, "") for file in files)
        mean = np.float32(share) * first + np.float32(1 - share) * second
        mask = finished_mask(mean, settings.blend.rule, None, made_masks.SIDE)
        assert np.array_equal(submitted.images[name].mask((made_masks.SIDE,) * 2)[0] > 0, mask)


def test_probabilities_of_several_sizes_are_not_blended(answered, monkeypatch):
    for fold in FOLDS:
        config = paths.fold_folder(stage_of(NETS[0]), fold) / runs.CONFIG
        found = json.loads(config.read_text())
        found["recipe"]["net"]["input_shape"] = [128, 128]
        runs.write_json(config, found)
    with pytest.raises(InputError, match=r"several sizes.*_public_at512 at 128x128, .*seunet_at512 at 64x64.*--part"):
        run(monkeypatch, lambda: blend_experiments(EXPERIMENTS, "doc"), "--workers", "0", "--unanswered", "empty")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--blend", "blend_1"), "no fold of albunet_valid is finished; run: python pneumothorax/r32"),
        (("--weights", "albunet_public=0.4,seunet=0.4"), "of a sum of 1, not 0.8"),
        (("--weights", "albunet_public=1,unet=0"), "names 'unet'"),
        (("--weights", "albunet_public"), "is not NET=W"),
    ],
)
def test_a_blend_whose_parts_are_not_all_there_is_refused(answered, monkeypatch, words, message):
    with pytest.raises(InputError, match=message):
        run(monkeypatch, lambda: blend_experiments(EXPERIMENTS, "doc"), "--workers", "0", *words)


def test_every_blend_of_the_winner_is_of_experiments_that_are_there():
    for blend in BLENDS.values():
        assert set(blend.weights) == set(EXPERIMENTS)


def test_the_phantoms_score_is_the_dice_of_what_was_submitted(answered, monkeypatch, capsys):
    r41(monkeypatch)
    r42(monkeypatch)
    run(monkeypatch, lambda: score_phantom("doc"))
    said = capsys.readouterr().out
    truth, submitted = read_mask_table(xray_paths.phantom_answers()), read_mask_table(xray_paths.submission_csv())
    shape = (made_masks.SIDE,) * 2
    scores = {n: dice(truth.images[n].mask(shape)[0], submitted.images[n].mask(shape)[0]) for n in TEST_NAMES}
    positive = [name for name in TEST_NAMES if truth.images[name].positive]
    means = np.mean(list(scores.values())), np.mean([scores[name] for name in positive])
    line = next(line for line in said.splitlines() if line.endswith("") and ", submitted" in line)
    assert [float(cell) for cell in line.split()[-3:-1]] == pytest.approx(means, abs=5e-5)


@pytest.mark.parametrize("answer", [r42, r61])
def test_what_follows_the_phantoms_score_is_of_the_split_that_was_answered_on(answered, monkeypatch, capsys, answer):
    r41(monkeypatch)
    other = xray_paths.split_csv().rename(paths.root() / "my split.csv")
    xray_paths.split_csv().write_text("filename,positive,fold\nx0,1,0\nx2,1,1\n")
    answer(monkeypatch, "--split", str(other))
    run(monkeypatch, lambda: score_phantom("doc"))
    following = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert following[:3] == ["next:", "python", "pneumothorax/r51_report.py"]
    run(monkeypatch, lambda: make_report(EXPERIMENTS, "doc"), *following[3:], "--dry-run")
    assert f"{len(TEST_NAMES)} test images answered" in capsys.readouterr().out


def test_parts_that_are_asked_for_and_not_trained_are_named_with_their_training(trained):
    assert [stage.name for stage in stages_asked(EXPERIMENTS, None, None, None)] == [FIRST.name]
    with pytest.raises(InputError, match="no fold of seunet is finished; run: python pneumothorax/r33"):
        stages_asked(EXPERIMENTS, ["seunet"], None, None)
    with pytest.raises(
        InputError, match=r"no fold of part1 of albunet_public is finished.*albunet_public.py --part part1"
    ):
        stages_asked(EXPERIMENTS, [NETS[0]], "part1", None)
    with pytest.raises(InputError, match="resnet50 has no part at512"):
        stages_asked(EXPERIMENTS, ["resnet50"], "at512", None)
    with pytest.raises(InputError, match=r"no trained fold 2|has no fold 2"):
        plan_out_of_fold(FIRST, None, [2])


def test_without_the_split_test_images_are_answered_by_the_folds_that_are_there(trained):
    with_split = plan_test(FIRST, None, None)
    xray_paths.split_csv().unlink()
    plan = plan_test(FIRST, None, None)
    assert (plan.folds, plan.hashes) == (with_split.folds, with_split.hashes)
    with pytest.raises(InputError, match=r"which images a fold never saw.*give that file with --split"):
        plan_out_of_fold(FIRST, None, None)


def test_steps_of_a_part_name_experiment_and_part():
    stage = "pneumothorax_albunet_public_part1"
    assert step_of(stage, OUT_OF_FOLD) == f"pneumothorax/{OUT_OF_FOLD}.py --net albunet_public --part part1"
    assert step_of(stage, TRAIN) == "pneumothorax/r31_train_albunet_public.py"
    assert net_of(stage) == "albunet_public"
    assert step_of("net_d121_stage3_tier1", OUT_OF_FOLD) == f"net_d121_stage3_tier1/{OUT_OF_FOLD}.py"
    assert net_of("third_place_vote_mc3") == "mc3"


def test_test_images_of_several_sizes_are_refused_before_anything_is_predicted_by_the_one_that_is_unlike(trained):
    index = pd.read_csv(xray_paths.index("test"), dtype=str, keep_default_na=False)
    whole = index.index[index["status"] == "ok"]
    index.loc[whole[0], ["height", "width"]] = "99"
    index.to_csv(xray_paths.index("test"), index=False)
    with pytest.raises(InputError, match=rf"{index.loc[whole[0], 'filename']}\.png has 99 x 99; resize it"):
        plan_test(FIRST, None, None)


def test_folds_are_answered_apart_as_together(trained):
    together = content(fill_out_of_fold(plan_out_of_fold(FIRST, None, None), workers=0).folder)
    for path in xray_paths.out_of_fold_folder(FIRST.name).iterdir():
        path.unlink()
    for fold in FOLDS:
        fill_out_of_fold(plan_out_of_fold(FIRST, None, [fold]), workers=0)
    assert content(xray_paths.out_of_fold_folder(FIRST.name)) == together
    assert paths.shown(xray_paths.out_of_fold_folder(FIRST.name)).endswith("_oof")
