"""How the transforms of the second place are drawn: the numbers of its fact sheet."""

import numpy as np
import pytest
from grey_volumes import drawn
from winners_chains import BLUR_OR_NOISE, DISTORTIONS, GREY_LEVELS, SHIFT_SCALE_ROTATE

SHAPE = (5, 160, 160, 1)
BRIGHTNESS, GAMMA = GREY_LEVELS
GAUSSIAN, TRUNCATED, SHARED, BOX, _ = BLUR_OR_NOISE
ELASTIC, GRID, OPTICAL = DISTORTIONS


def values(transform, *path, count=3000):
    """One number of so many draws, such as `shift` and then 0."""
    found = []
    for params in drawn(transform, count, SHAPE):
        for step in path:
            params = params[step]
        found.append(params)
    return np.array(found)


@pytest.mark.parametrize(
    ("transform", "path", "low", "high"),
    [
        (BRIGHTNESS, ["factor"], 0.8, 1.2),
        (BRIGHTNESS, ["offset"], -0.2, 0.2),
        (SHARED, ["std"], 2.55, 12.75),
        (ELASTIC, ["anchors", 0, 0], -3.6, 3.6),
        (ELASTIC, ["anchors", 2, 1], -3.6, 3.6),
        (GRID, ["columns", 0], 0.7, 1.3),
        (GRID, ["rows", 5], 0.7, 1.3),
        (OPTICAL, ["bend"], -1, 1),
        (SHIFT_SCALE_ROTATE, ["degrees"], -10, 10),
        (SHIFT_SCALE_ROTATE, ["scale"], 0.8, 1.2),
        (SHIFT_SCALE_ROTATE, ["shift", 0], -0.1, 0.1),
        (SHIFT_SCALE_ROTATE, ["shift", 1], -0.1, 0.1),
    ],
)
def test_draws_are_uniform_in_the_sheets_range(transform, path, low, high):
    found = values(transform, *path)
    assert found.min() >= low and found.max() <= high
    assert np.abs(np.histogram(found, 5, (low, high))[0] / 3000 - 0.2).max() < 0.03


def test_the_variance_of_truncated_noise_is_uniform():
    variances = values(TRUNCATED, "std") ** 2
    assert variances.min() >= 10 and variances.max() <= 50
    assert np.abs(np.histogram(variances, 5, (10, 50))[0] / 3000 - 0.2).max() < 0.03


@pytest.mark.parametrize(
    ("transform", "path", "kinds"),
    [
        (GAUSSIAN, ["kernel"], [3, 5, 7]),
        (BOX, ["kernel"], [3, 5, 7]),
        (GAMMA, ["gamma"], [percent / 100 for percent in range(80, 121)]),
    ],
)
def test_draws_of_a_few_kinds_are_equally_likely(transform, path, kinds):
    found, counts = np.unique(values(transform, *path), return_counts=True)
    np.testing.assert_array_equal(found, kinds)
    assert np.abs(counts / 3000 - 1 / len(kinds)).max() < 4 / np.sqrt(3000 * len(kinds))


def test_optical_shifts_are_whole_pixels_and_the_outermost_are_rarer():
    found, counts = np.unique(values(OPTICAL, "shift", 1, count=6000), return_counts=True)
    np.testing.assert_array_equal(found, np.arange(-4, 5))
    np.testing.assert_allclose(counts / 6000, [0.1 / 7.2, *[1 / 7.2] * 7, 0.1 / 7.2], atol=0.02)  # 3.5-3.6 makes 4


def test_both_coordinates_and_all_factors_are_drawn_apart():
    both = [values(SHIFT_SCALE_ROTATE, "shift", axis) for axis in (0, 1)]
    factors = [values(GRID, axis, number) for axis in ("columns", "rows") for number in range(6)]
    anchors = [values(ELASTIC, "anchors", point, axis) for point in range(3) for axis in (0, 1)]
    for many in (both, factors, anchors):
        assert np.abs(np.corrcoef(many) - np.eye(len(many))).max() < 0.1
