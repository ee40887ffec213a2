"""Dice an image, as the competition's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from stagewise.scores.dice import dice

SHAPE = (37, 21)


def masks(seed: int, count: int = 20) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.random((count, *SHAPE)) < generator.random((count, 1, 1))


def test_it_is_the_f1_score_of_each_images_pixels():
    truth, answer = masks(0), masks(1)
    expected = [f1_score(of.ravel(), by.ravel()) for of, by in zip(truth, answer, strict=True)]
    assert dice(truth, answer) == pytest.approx(expected, abs=1e-6)
    assert dice(truth[3], answer[3] * np.uint8(255)) == dice(truth, answer)[3]


def test_an_empty_mask_is_right_where_nothing_is_and_wrong_elsewhere():
    empty, four = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    four[:2, :2] = True
    assert dice(empty, empty) == 1
    assert 0 < dice(empty, four) < 2.6e-7 and dice(four, empty) == dice(empty, four)
    assert dice(four, four) == 1
    assert dice(four, ~four) < 1e-8


def test_a_mean_of_images_does_not_depend_on_batches():
    truth, answer = masks(2, 7), masks(3, 7)
    of_batches = [dice(truth[start : start + 2], answer[start : start + 2]) for start in range(0, 7, 2)]
    assert np.mean(np.concatenate(of_batches)) == dice(truth, answer).mean()
    assert np.mean([batch.mean() for batch in of_batches]) != pytest.approx(dice(truth, answer).mean(), abs=1e-6)


def test_masks_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="does not lie on a mask"):
        dice(np.zeros((1, 4), bool), np.zeros((4, 4), bool))
