"""Brightness, gamma, blur and noise of the second place: their formulas."""

import numpy as np
import pytest
from winners_chains import BLUR_OR_NOISE, GREY_LEVELS

BRIGHTNESS, GAMMA = GREY_LEVELS
GAUSSIAN, TRUNCATED, SHARED, BOX, MULTIPLIED = BLUR_OR_NOISE
RAMP = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


@pytest.mark.parametrize(("factor", "offset"), [(1.2, 0.1), (0.8, -0.2), (1.0, 0.0)])
def test_brightness_and_contrast_are_their_formula_truncated(factor, offset):
    result = BRIGHTNESS.apply(RAMP, {"factor": factor, "offset": offset}).ravel()
    exact = (np.arange(256) * factor + 255 * offset).clip(0, 255)
    assert ((exact - result > -1e-4) & (exact - result < 1 + 1e-4)).all()


def test_gamma_is_its_formula_truncated_and_keeps_both_ends():
    for percent in (80, 100, 120):
        result = GAMMA.apply(RAMP, {"gamma": percent / 100}).ravel()
        exact = 255 * (np.arange(256) / 255) ** (percent / 100)
        assert ((exact - result > -1e-9) & (exact - result < 1 + 1e-9)).all()
        assert result[0] == 0 and result[255] == 255


@pytest.mark.parametrize("side", [3, 5, 7])
def test_blur_has_the_sheets_width_and_stays_in_its_plane(side):
    volume = np.zeros((3, 31, 31, 1), np.float32)
    volume[1, 15, 15] = 255
    for transform, variance in ((GAUSSIAN, (0.3 * ((side - 1) / 2 - 1) + 0.8) ** 2), (BOX, (side**2 - 1) / 12)):
        spot = transform.apply(volume, {"kernel": side})
        assert spot[[0, 2]].max() == 0 and abs(spot.sum() - 255) < 1e-2
        profile = spot[1, :, :, 0].sum(axis=0) / 255
        found = (profile * (np.arange(31) - 15) ** 2).sum()
        # a Gaussian's tails are cut off at the kernel's end, which takes up to a quarter of its variance
        assert 0.75 * variance < found < 1.01 * variance
        assert np.count_nonzero(profile) == side


@pytest.mark.parametrize("std", [3.2, 7.1])
def test_truncated_noise_lowers_the_mean_by_half_a_grey_level(std):
    grey = np.full((20, 64, 64, 1), 128, np.uint8)
    noise = TRUNCATED.apply(grey, {"std": std, "seed": 1}).astype(float) - 128
    assert abs(noise.mean() + 0.5) < 0.08
    assert abs(noise.std() - np.sqrt(std**2 + 1 / 12)) < 0.02 * std
    float_noise = TRUNCATED.apply(grey.astype(np.float32), {"std": std, "seed": 1}) - 128
    assert abs(float_noise.mean()) < 0.08 and abs(float_noise.std() - std) < 0.02 * std


def test_shared_noise_is_one_rounded_normal_field():
    grey = np.full((4, 100, 100, 3), 128, np.uint8)
    noise = SHARED.apply(grey, {"std": 6.0, "seed": 1}).astype(float) - 128
    assert (noise == noise[:1, :, :, :1]).all()
    assert abs(noise[0].mean()) < 0.2 and abs(noise[0].std() - np.sqrt(36 + 1 / 12)) < 0.2


def test_multiplied_noise_is_uniform_truncated_and_clipped():
    result = MULTIPLIED.apply(np.full((4, 100, 100, 1), 100, np.uint8), {"seed": 1})
    assert result.min() == 50 and result.max() == 149
    assert np.abs(np.histogram(result, 5, (50, 150))[0] / result.size - 0.2).max() < 0.01
    assert abs(result.mean() - 99.5) < 0.5
    clipped = MULTIPLIED.apply(np.full((4, 100, 100, 1), 255, np.uint8), {"seed": 1})
    assert abs((clipped == 255).mean() - 0.5) < 0.01 and clipped.min() == 127
