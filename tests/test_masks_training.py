"""Training on images with masks: what a batch holds, what an epoch is scored by, what is kept, where a part starts."""

import json
import os
import subprocess
import sys

import house
import numpy as np
import pytest
import tiny_xrays
from tiny import build, train, train_until_after

from stagewise.data.batches import TrainingBatches
from stagewise.data.mask_batches import load_images, stream_images
from stagewise.files import xray_paths
from stagewise.folds import runs
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError
from stagewise.recipes.combo_loss import ComboLoss
from stagewise.recipes.mask_rules import Triplet
from stagewise.recipes.pneumothorax import augmentation
from stagewise.scores.dice import dice
from stagewise.training.mask_scores import MaskScores
from stagewise.training.masks import MASKS
from stagewise.training.plans import plan_training


@pytest.fixture
def split(root):
    return tiny_xrays.write_split()


def plan(split, fold: int = 0, recipe=tiny_xrays.first_recipe, **changes):
    return plan_training(recipe(**changes), split, fold, 1, MASKS)


def test_batches_are_the_same_for_any_number_of_workers_and_hold_every_positive_once(split):
    wanted = plan(split)
    seen = []
    for workers in (0, 2):
        with WorkerPool(workers) as pool:
            stream = MASKS.batches(wanted, pool, 0)
            seen.append([tuple(map(np.copy, next(stream))) for _ in range(2 * wanted.steps)])
    for (images, masks), (others, other_masks) in zip(*seen, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(masks, other_masks)
        assert images.shape == masks.shape == (2, 64, 64, 1) and set(np.unique(masks)) <= {0, 1}
    rows = wanted.training
    assert (int(rows.labels.sum()), wanted.steps) == (4, 3)  # 4 positive images and 2 others, two a batch
    batches = TrainingBatches(wanted.recipe, rows.volumes, rows.labels, 0, 1, load=load_images)
    for epoch in range(2):
        drawn = [path for step in range(3) for path in batches.task(epoch, step).volumes]
        positive = [path for path, label in zip(rows.volumes, rows.labels, strict=True) if label]
        assert sorted(path for path in drawn if path in positive) == sorted(positive)


def test_validation_shows_each_image_and_its_mask_resized_in_the_splits_order(split):
    rows = plan(split).validation
    with WorkerPool(0) as pool:
        batches = list(stream_images(rows.volumes, rows.labels, plan(split).recipe.prepared, pool, 4))
    assert [len(batch) for batch in batches] == [4, 2]
    assert [bool(image[..., 1].any()) for batch in batches for image in batch] == rows.labels.astype(bool).tolist()


def test_scores_are_the_mean_over_images_of_the_best_rule_whatever_the_batches():
    rng = np.random.default_rng(3)
    logits = rng.normal(-2, 3, (5, 32, 32)).astype(np.float32)
    masks = (rng.random((5, 32, 32)) < 0.2).astype(np.uint8)
    masks[3:] = 0
    triplets = ((0.75, 1000, 0.3), (0.6, 200000, 0.4), (0.75, 250000, 0.3))
    logged = []
    for sizes in ([5], [2, 2, 1]):
        ends = np.cumsum(sizes)[:-1]
        pairs = list(zip(np.split(logits, ends), np.split(masks, ends), strict=True))
        logs = {}
        MaskScores(lambda pairs=pairs: iter(pairs), triplets).on_epoch_end(0, logs)
        logged.append(logs)
    assert logged[0] == pytest.approx(logged[1])
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    by_rule = [dice(masks, np.stack([Triplet(*rule).mask(image) for image in probabilities])) for rule in triplets]
    best = max(by_rule, key=np.mean)
    assert logged[0]["val_dice"] == pytest.approx(best.mean())
    assert logged[0]["val_dice_positive"] == pytest.approx(best[:3].mean())
    assert (logged[0]["val_top"], logged[0]["val_area"]) == triplets[int(np.argmax([d.mean() for d in by_rule]))][:2]
    assert logged[0]["val_loss"] == pytest.approx(float(ComboLoss(1, 0, 0)(masks, logits)), rel=1e-5)


def test_the_best_epochs_are_kept_with_their_scores_and_no_other_files(split):
    wanted = plan(split, epochs=5)
    train(wanted, workers=0, force=False)
    config = json.loads((wanted.folder / runs.CONFIG).read_text())
    history = np.genfromtxt(wanted.folder / runs.HISTORY, delimiter=",", names=True)
    order = sorted(range(5), key=lambda epoch: (-history["val_dice"][epoch], epoch))
    assert sorted(map(int, config["snapshots"])) == sorted(epoch + 1 for epoch in order[:2])
    for number, kept in config["snapshots"].items():
        assert kept["dice"] == pytest.approx(history["val_dice"][int(number) - 1])
        runs.kept_weights(wanted.recipe.name, 0, config, int(number))  # there, and with that hash
    assert len(list(wanted.folder.glob("*.weights.h5"))) == 3
    assert config["best"]["epoch"] == order[0]


def test_a_resumed_run_equals_a_straight_one_bit_for_bit(split):
    # of three batches an epoch, accumulated by two: the sum is half full at the interruption
    wanted, seen = plan(split), []
    for interrupted in (False, True):
        if interrupted:
            train_until_after(0, wanted, force=True)
        train(wanted, workers=0, force=False)
        files = (path for path in wanted.folder.iterdir() if path.suffix in (".h5", ".csv", ".json"))
        seen.append({path.name: path.read_bytes() for path in files})
    assert len(seen[0]) == 5 and seen[0] == seen[1]  # the two best epochs' weights, the best one's, scores, config


def test_a_part_starts_from_the_part_before_whatever_its_size_and_not_without_it(split):
    first = plan(split, epochs=1)
    with pytest.raises(
        InputError,
        match=r"no trained fold 0 of pneumothorax_albunet_public_at512 .*--part at512 --fold 0 --seed 1 --preset demo",
    ):
        plan(split, recipe=tiny_xrays.recipe, epochs=1)
    train(first, workers=0, force=False)
    larger = {"input_shape": (128, 128), "augmentation": augmentation(128, before=64)}
    second = plan(split, recipe=tiny_xrays.recipe, epochs=1, **larger)
    assert second.start_weights == first.folder / runs.BEST_WEIGHTS
    before = tiny_xrays.NET.build()
    before.load_weights(second.start_weights)
    for array, other in zip(build(second).get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(array, other)
    with pytest.raises(InputError, match="another net"):
        plan(split, recipe=tiny_xrays.recipe, decoded=3)


def test_a_second_stage_may_have_more_rows_but_none_that_a_part_before_saw(split, root):
    train(plan(split, epochs=1), workers=0, force=False)
    more = split.table.copy()
    more.loc[len(more)] = ["1.2.840.2000", 0, -1]
    path = root / "second.csv"
    more.to_csv(path, index=False)
    name = xray_paths.image_path("train", "1.2.840.2000")
    name.write_bytes(xray_paths.image_path("train", "1.2.840.1001").read_bytes())
    plan(MASKS.split(path), recipe=tiny_xrays.recipe)
    more.loc[more["fold"] == 1, "fold"] = 0  # of fold 1, so that fold 0 was trained on them
    more.loc[more["fold"] == 2, "fold"] = 1
    more.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"was trained on .* so on 6 of the rows that second.csv validates in fold 0"):
        plan(MASKS.split(path), recipe=tiny_xrays.recipe)


def test_nor_one_that_a_part_before_the_part_before_saw(split, root):
    train(plan(split, epochs=1), workers=0, force=False)  # fold 0 is trained on fold 1's rows
    fewer, moved = root / "fewer.csv", root / "moved.csv"
    split.table[split.table["fold"] != 1].to_csv(fewer, index=False)
    train(plan(MASKS.split(fewer), recipe=tiny_xrays.recipe, epochs=1), workers=0, force=False)
    split.table.replace({"fold": {1: 0}}).to_csv(moved, index=False)
    with pytest.raises(InputError, match=r"at512 fold 0 was trained on .* so on 6 of the rows that moved.csv"):
        plan(MASKS.split(moved), recipe=tiny_xrays.recipe, part="part1")


@pytest.mark.slow
def test_all_parts_are_trained_in_one_call_one_from_the_other(split, root, tmp_path_factory):
    code = tmp_path_factory.mktemp("code")
    house.copy_code(code, {"pneumothorax": house.SMALLEST["pneumothorax"]})
    script = ("pneumothorax/r34_train_resnet50.py", "--preset", "demo", "--init", "random", "--fold", "0")
    settings = {**os.environ, "PYTHONPATH": str(code), "STAGEWISE_ROOT": str(root)}
    command = [sys.executable, *script, "--gpu", "none", "--workers", "0"]
    result = subprocess.run(command, cwd=code, env=settings, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    parts = ["part0", "part1", "part2", "second"]
    configs = [runs.read_config(f"pneumothorax_resnet50_{part}", 0) for part in parts]
    assert all(config["finished"] for config in configs)
    for config, before in zip(configs[1:], configs, strict=False):
        assert config["start"]["sha256"] == before["best"]["sha256"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda: xray_paths.image_path("train", "1.2.840.1000").unlink(), r"no image 1.2.840.1000.png in .*r01"),
        (lambda: xray_paths.mask_path("1.2.840.1000").unlink(), r"no mask 1.2.840.1000.png in .*r01"),
        (
            lambda: xray_paths.mask_path("1.2.840.1001").write_bytes(b""),
            r"1 images, first 1.2.840.1001, have no mask, and .* is there",
        ),
    ],
)
def test_an_image_or_a_mask_that_the_split_asks_for_and_is_not_there_is_named(split, spoil, message):
    spoil()
    with pytest.raises(InputError, match=message):
        plan(split)
