"""From probabilities to masks: rules, blends, and the counts from which every rule's Dice follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewise.recipes.blends import Blend, running_mean
from stagewise.recipes.mask_rules import FULL_SIDE, Doublet, Triplet, above
from stagewise.recipes.winners_masks import BLENDS, DOUBLETS, EPOCH_TRIPLETS, TRIPLETS
from stagewise.scores.dice import dice
from stagewise.scores.mask_counts import GRID, count_image, dice_of, joined

SMALL = np.float32([[0.4, 0.4, 0.8], [0.1, 0.1, 0.9], [0.1, 0.2, 0.1]])
LARGER = np.float32([[0.8, 0.76, 0.5, 0.2], [0.35, 0.31, 0.1, 0], [0, 0, 0, 0], [0.9, 0.2, 0.41, 0.3]])
EMPTY = np.zeros((4, 4), bool)


def in_pixels(area: int, probabilities: np.ndarray) -> int:
    """In the full image's pixels, an area that so many pixels of this image make up, and one less do not."""
    return round((area - 0.5) * FULL_SIDE**2 / probabilities.size)


@pytest.mark.parametrize(
    ("probabilities", "rule", "expected"),
    [
        (SMALL, (0.7, 2, 0.3), [[1, 1, 1], [0, 0, 1], [0, 0, 0]]),
        (LARGER, (0.75, 3, 0.3), [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]),  # 0.3 itself is out
        (LARGER, (0.75, 4, 0.3), EMPTY),
        (LARGER, (0.75, 3, 0.4), [[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]),
    ],
)
def test_the_triplets_worked_examples(probabilities, rule, expected):
    top, area, bottom = rule
    mask = Triplet(top, in_pixels(area, probabilities), bottom).mask(probabilities)
    assert mask.dtype == bool and np.array_equal(mask, np.array(expected, bool))


def test_an_area_is_of_the_full_image_and_less_of_a_smaller_one():
    for side, area in ((1024, 800), (512, 200), (256, 50)):
        probabilities = np.zeros((side, side), np.float32)
        probabilities.flat[: area - 1] = 1
        assert not Doublet(0.5, 800).mask(probabilities).any()
        probabilities.flat[area - 1] = 1
        assert np.count_nonzero(Doublet(0.5, 800).mask(probabilities)) == area


def test_a_doublet_is_a_triplet_of_one_probability_and_without_area_a_threshold():
    probabilities = np.random.default_rng(0).random((64, 64), np.float32) ** 2
    assert np.array_equal(Doublet(0.6, 9000).mask(probabilities), Triplet(0.6, 9000, 0.6).mask(probabilities))
    assert np.array_equal(Doublet(0.6).mask(probabilities), probabilities > np.float32(0.6))
    assert [str(rule) for rule in (Doublet(0.6, 9000), Doublet(0.6), Triplet(0.75, 800, 0.4))] == [
        "doublet (0.6, 9000)",
        "threshold 0.6",
        "triplet (0.75, 800, 0.4)",
    ]


@pytest.mark.parametrize("threshold", GRID)
def test_a_probability_that_equals_the_threshold_is_out(threshold):
    exact = np.array([threshold], np.float32)
    assert not above(exact, threshold) and above(np.nextafter(exact, np.float32(1)), threshold)


@pytest.mark.parametrize("make", [lambda: Triplet(0.3, 100, 0.4), lambda: Triplet(0.5, -1, 0.5), lambda: Doublet(1.5)])
def test_a_rule_that_is_none_is_refused(make):
    with pytest.raises(ValueError, match="is no rule"):
        make()


def test_probabilities_of_double_precision_are_refused():
    with pytest.raises(ValueError, match="are float32"):
        Doublet(0.3).mask(np.full((4, 4), 0.3))


levels = st.sampled_from(GRID)
rules = st.builds(
    lambda pair, area: Triplet(max(pair), area, min(pair)), st.tuples(levels, levels), st.integers(0, 400_000)
) | st.builds(Doublet, levels, st.integers(0, 400_000))


@given(rule=rules, seed=st.integers(0, 2**32), side=st.sampled_from([8, 20, 33]), share=st.sampled_from([0, 0.1, 0.6]))
def test_every_rules_dice_follows_from_the_counts(rule, seed, side, share):
    generator = np.random.default_rng(seed)
    truth = generator.random((side, side + 3)) < share
    probabilities = generator.random(truth.shape, np.float32)
    on_grid = generator.random(truth.shape) < 0.3  # values that are thresholds themselves
    probabilities[on_grid] = generator.choice(np.float32(GRID), np.count_nonzero(on_grid))
    expected = dice(truth, rule.mask(probabilities))
    assert dice_of(count_image(probabilities, truth), rule)[0] == expected


def test_counts_of_images_are_joined_and_taken_apart():
    generator = np.random.default_rng(0)
    images = [count_image(generator.random((9, 9), np.float32), np.eye(9) * (k % 2)) for k in range(5)]
    table = joined(images)
    assert table.truth.tolist() == [0, 9, 0, 9, 0] and table.positive.sum() == 2
    rule = Triplet(0.7, 100_000, 0.3)
    expected = np.concatenate([dice_of(image, rule) for image in images])
    assert np.array_equal(dice_of(table, rule), expected)
    assert np.array_equal(dice_of(table.rows(np.array([3, 1])), rule), expected[[3, 1]])
    with pytest.raises(ValueError, match=r"0\.33 is not among the counted thresholds 0\.05, "):
        dice_of(table, Doublet(0.33))


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.full((4, 4), np.nan, np.float32), "0-1"),
        (np.full((4, 4), 1.01, np.float32), "0-1"),
        (np.zeros((4, 4)), "float64"),
        (np.zeros((4, 5), np.float32), "do not lie"),
    ],
)
def test_probabilities_that_are_none_are_not_counted(probabilities, message):
    with pytest.raises(ValueError, match=message):
        count_image(probabilities, EMPTY)


def test_the_winners_rules_can_be_counted_and_his_blends_are_whole():
    rules = (*TRIPLETS.values(), *DOUBLETS, *EPOCH_TRIPLETS, *(blend.rule for blend in BLENDS.values()))
    assert {threshold for rule in rules for threshold in (rule.top, rule.bottom)} <= set(GRID)
    assert len(set(EPOCH_TRIPLETS)) == 8
    assert {name for blend in BLENDS.values() for name in blend.weights} == set(TRIPLETS)


def test_a_blend_is_the_weighted_mean_in_single_precision():
    generator = np.random.default_rng(1)
    parts = {name: generator.random((8, 8), np.float32) for name in TRIPLETS}
    for blend in BLENDS.values():
        expected = sum(weight * parts[name].astype(float) for name, weight in blend.weights.items())
        mean = blend.of(parts)
        assert mean.dtype == np.float32 and mean == pytest.approx(expected, abs=1e-6)
        assert blend.of({name: np.ones((2, 2), np.float32) for name in TRIPLETS}).max() <= 1


def test_a_blend_of_weights_that_are_no_whole_or_of_other_parts_is_refused():
    for weights in ({"one": 0.5, "two": 0.4}, {"one": 1.5, "two": -0.5}):
        with pytest.raises(ValueError, match="of a sum of 1"):
            Blend(weights, Doublet(0.5))
    blend, part = Blend({"one": 0.5, "resnet50": 0.5}, Doublet(0.5)), np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match="a blend of one, resnet50 cannot be made of one, resnet"):
        blend.of({"one": part, "resnet": part})
    with pytest.raises(ValueError, match="several shapes"):
        blend.of({"one": part, "resnet50": np.zeros((4, 4), np.float32)})


def test_a_running_mean_is_the_mean():
    answers = np.random.default_rng(2).random((15, 6, 7), np.float32)
    mean = running_mean(iter(answers))
    assert mean.dtype == np.float32 and mean == pytest.approx(answers.astype(float).mean(axis=0), abs=1e-6)
    assert np.array_equal(running_mean([answers[0]] * 3), answers[0])
    with pytest.raises(ValueError, match="no arrays"):
        running_mean([])
