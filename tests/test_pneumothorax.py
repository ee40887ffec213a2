"""The numbers of the pneumothorax recipe's page and of its parts, as its fact sheet has them."""

import keras
import numpy as np
import pytest

from stagewise.augment import ElasticPlanes, OneOf
from stagewise.recipes.combo_loss import ComboLoss, cross_entropy, dice_loss, focal_loss
from stagewise.recipes.mask_losses import Combo
from stagewise.recipes.pneumothorax import (
    ALBUNET_PUBLIC,
    ALBUNET_VALID,
    IMAGENET,
    PRESETS,
    RESNET50_PARTS,
    SEUNET_PARTS,
)
from stagewise.recipes.sampling import SampleKey, SlidingShare
from stagewise.recipes.schedules import SawToothUntilFlat, WarmRestarts
from stagewise.recipes.starts import EarlierPart, RandomStart, TorchFile
from stagewise.training.train import compiled

EXPERIMENTS = {
    "albunet_public": ALBUNET_PUBLIC,
    "albunet_valid": ALBUNET_VALID,
    "seunet": SEUNET_PARTS,
    "resnet50": RESNET50_PARTS,
}
LOGITS = np.array([[[0, 2], [-2, 1]], [[-3, -1], [0.5, -0.5]]], np.float32)[..., None]
MASKS = np.array([[[0, 1], [0, 1]], [[0, 0], [0, 0]]], np.uint8)[..., None]


def test_losses_are_the_sheets_numbers():
    parts = [part(MASKS.astype(np.float32), LOGITS) for part in (cross_entropy, dice_loss, focal_loss)]
    np.testing.assert_allclose(np.array(parts), [0.383783, 0.418882, 0.083413], atol=2e-6)


@pytest.mark.parametrize(
    ("weights", "total"), [((1, 1, 1), 0.886078), ((3, 1, 4), 1.903884), ((2, 1, 2), 1.353275)], ids=str
)
def test_the_total_is_their_weighted_sum_not_divided(weights, total):
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Activation("linear", dtype="float32")])
    model.compile("sgd", Combo(*weights).made())
    assert model.train_on_batch(LOGITS, MASKS) == pytest.approx(total, abs=2e-6)


def test_a_batch_without_positives_has_a_dice_term_of_one_and_surely_wrong_pixels_a_finite_focal_loss():
    empty, sure = np.zeros((1, 64, 64, 1), np.float32), np.full((1, 64, 64, 1), 100, np.float32)
    assert float(dice_loss(empty, sure - 108)) == pytest.approx(1, abs=1e-5)
    assert float(focal_loss(empty, sure)) == pytest.approx(18.42, abs=0.01)
    assert float(focal_loss(empty + 1, -sure)) == pytest.approx(18.42, abs=0.01)
    assert float(ComboLoss(1, 1, 1)(empty, -sure)) == pytest.approx(1e-5)  # nothing is wrong: the bound


@pytest.mark.parametrize(
    ("positives", "share", "negatives"),
    [
        (1910, 0.8, 477),
        (1910, 0.6, 1273),
        (1910, 0.5, 1910),
        (1910, 0.4, 2865),
        (2200, 0.8, 549),
        (2200, 0.6, 1466),
        (2200, 0.4, 3300),
    ],
)
def test_an_epoch_has_every_positive_once_and_the_sheets_number_of_negatives(positives, share, negatives):
    labels = np.arange(positives + 6632) < positives
    sampling = SlidingShare(share)
    assert sampling.others(positives) == negatives
    row = sampling.draws(labels.astype(int))
    rows = [row(SampleKey(1, "s", 0, 0, index)) for index in range(positives + negatives)]
    assert sorted(number for number in rows if number < positives) == list(range(positives))
    assert sampling.steps(labels, 2) == -(-(positives + negatives) // 2)
    halves = np.array(rows[: len(rows) // 2]) < positives
    assert abs(halves.mean() - share) < 0.03  # shuffled


def test_the_cosine_comes_back_up_after_eight_epochs_and_restarts_jump():
    cosine = ALBUNET_PUBLIC["part1"].schedule
    rates = [cosine.rate(epoch, 1e-5) for epoch in range(10)]
    wanted = [1.000e-5, 9.623e-6, 8.550e-6, 6.944e-6, 5.050e-6, 3.156e-6, 1.550e-6, 4.768e-7, 1.000e-7, 4.768e-7]
    np.testing.assert_allclose(rates, wanted, rtol=5e-4)
    restarts = WarmRestarts(epochs=9, half_period=1, minimum_learning_rate=0.0, stop_patience=9, longer=2)
    np.testing.assert_allclose(  # PyTorch's CosineAnnealingWarmRestarts(T_0=1, T_mult=2)
        [restarts.rate(epoch, 1.0) for epoch in range(8)], [1, 1, 0.5, 1, 0.853553, 0.5, 0.146447, 1], atol=1e-6
    )


def test_every_part_has_the_sheets_numbers():
    weights = {name: tuple(vars(parts["part0"].loss).values()) for name, parts in EXPERIMENTS.items()}
    assert weights == {
        "albunet_public": (1, 1, 1),
        "albunet_valid": (3, 1, 4),
        "seunet": (3, 1, 4),
        "resnet50": (2, 1, 2),
    }
    shares = {name: [stage.sampling.share for stage in parts.values()][-4:] for name, parts in EXPERIMENTS.items()}
    assert shares == {
        "albunet_public": [0.8, 0.4, 0.6, 0.4],
        "albunet_valid": [0.8, 0.6, 0.4, 0.4],
        "seunet": [0.8, 0.6, 0.4, 0.5],
        "resnet50": [0.8, 0.6, 0.4, 0.5],
    }
    for name, parts in EXPERIMENTS.items():
        assert [stage.optimizer.learning_rate for stage in parts.values()][-4:] == [1e-4, 1e-5, 1e-5, 1e-5]
        assert [stage.kept.count for stage in parts.values()][-4:] == [5, 3, 3, 3]
        assert [stage.schedule.epochs for stage in parts.values()][-4:] == [50, 50, 50, 40]
        assert [stage.schedule.stop_patience for stage in parts.values()][-4:] == [11, 13, 13, 13]
        assert all(stage.batch_size == 2 and stage.optimizer.clip == 0.1 for stage in parts.values())
        least = 1e-8 if name == "seunet" else 1e-7
        assert parts["second"].schedule == SawToothUntilFlat(40, 8, least, 13)
        tops = [{top for top, _, _ in stage.kept.triplets} for stage in parts.values()]
        assert tops == [{0.75, 0.6}] * (len(parts) - 1) + [{0.75}]
        assert parts["second"].optimizer.decay == (5e-7 if name == "seunet" else 5e-6)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_parts_start_from_one_another_and_their_nets_differ_in_size_alone(name, preset):
    stages = {part: PRESETS[preset](stage) for part, stage in EXPERIMENTS[name].items()}
    (first, stage), *others = stages.items()
    assert first == ("part0" if name == "resnet50" else "at512")
    assert stage.start == (RandomStart() if preset == "demo" else IMAGENET[stage.net.family])
    before = stage
    for _, stage in others:
        assert stage.start == EarlierPart(before.name)
        assert stage.net == type(stage.net)(**vars(before.net) | {"input_shape": stage.net.input_shape})
        before = stage
    sides = [stage.net.input_shape[0] for stage in stages.values()]
    assert len(set(sides[-4:])) == 1 and (len(sides) == 4 or sides[0] < sides[1])
    if preset == "full":
        assert sides[-1] == 1024


@pytest.mark.slow
@pytest.mark.parametrize("part", ["part0", "second"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_step_of_every_demo_at_its_own_size_is_finite_and_falls(name, part):
    recipe = PRESETS["demo"](EXPERIMENTS[name][part])
    model, generator, side = compiled(recipe), np.random.default_rng(0), recipe.net.input_shape[0]
    images = generator.integers(0, 255, (4, side, side, 1), dtype=np.uint8)
    masks = np.uint8(images > 200)
    losses = [float(model.train_on_batch(images, masks)) for _ in range(6)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_files_of_imagenet_are_named_by_the_encoder_and_known_by_their_download():
    assert {start.source for start in IMAGENET.values()} == {
        "resnet34-333f7ec4.pth",
        "resnet50-19c8e357.pth",
        "se_resnext50_32x4d-a260b3a4.pth",
    }
    assert all(isinstance(start, TorchFile) for start in IMAGENET.values())


def test_augmentation_is_in_the_sheets_order_before_the_resize():
    flip, levels, bends, move, resize = ALBUNET_PUBLIC["part0"].augmentation
    assert (flip.axis, flip.p) == (2, 0.5)
    assert isinstance(levels, OneOf) and isinstance(bends, OneOf) and (levels.p, bends.p) == (0.1, 0.1)
    assert bends.transforms[0] == ElasticPlanes(strength=120.0, sigma=6.0, anchor=3.6, p=1)
    assert (move.degrees, move.scale, move.shift, move.p) == ((-45, 45), (0.9, 1.1), 0.0625, 0.5)
    assert resize.size == (1024, 1024)
