"""Noise and gamma: their formulas and distributions."""

from statistics import NormalDist

import numpy as np
import pytest
from grey_volumes import SHAPE, drawn, noise_volume

from stagewise.augment import GaussianNoise, RandomGamma


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("std", [0.3, 2.0, 5.0])
def test_noise_is_normal_with_its_standard_deviation(dtype, std):
    volume = np.full((20, 64, 64, 3), 128, dtype)
    noise = GaussianNoise(std=(0, 5), p=1).apply(volume, {"std": std, "seed": 4}).astype(float) - 128
    rounding = 1 / 12 if dtype == np.uint8 and std > 1 else 0
    if dtype == np.float32 or std > 1:
        assert abs(noise.std() - np.sqrt(std**2 + rounding)) < 0.01 * std
    assert abs(noise.mean()) < 0.02 * std
    # the share within one grey level, from the normal distribution: rounding moves the limit to 1.5
    limit = 1.5 if dtype == np.uint8 else 1.0
    assert abs((np.abs(noise) <= 1).mean() - (2 * NormalDist().cdf(limit / std) - 1)) < 0.005
    flat = noise.reshape(20, -1, 3)
    neighbours = [flat[:, 1:].ravel() @ flat[:, :-1].ravel(), flat[1:].ravel() @ flat[:-1].ravel()]
    channels = [(flat[..., 0] * flat[..., 1]).sum(), (flat[..., 1] * flat[..., 2]).sum()]
    assert np.abs([*neighbours, *channels]).max() / (noise**2).sum() < 0.01  # nothing repeats


def test_noise_std_is_drawn_uniformly_and_0_is_identity():
    stds = [params["std"] for params in drawn(GaussianNoise(std=(0, 5), p=1), 3000)]
    assert np.abs(np.histogram(stds, 5, (0, 5))[0] / 3000 - 0.2).max() < 0.04
    volume = noise_volume()
    np.testing.assert_array_equal(GaussianNoise(std=(0, 0), p=1).apply(volume, {"std": 0.0, "seed": 1}), volume)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5])
def test_gamma_is_its_formula(dtype, gamma):
    volume = (20 + noise_volume() // 2).astype(dtype)
    low, high = float(volume.min()), float(volume.max())
    expected = ((volume.astype(float) - low) / (high - low)) ** gamma * 255
    result = RandomGamma(gamma=(0.5, 1.5), p=1).apply(volume, {"gamma": gamma})
    assert np.abs(result - expected).max() < (0.5001 if dtype == np.uint8 else 1e-3)
    assert result.min() == 0 and result.max() == 255


def test_gamma_leaves_a_volume_of_one_value_and_is_drawn_uniformly():
    gamma = RandomGamma(gamma=(0.5, 1.5), p=1)
    np.testing.assert_array_equal(gamma.apply(np.full(SHAPE, 7, np.uint8), {"gamma": 0.5}), 7)
    values = [params["gamma"] for params in drawn(gamma, 3000)]
    assert np.abs(np.histogram(values, 5, (0.5, 1.5))[0] / 3000 - 0.2).max() < 0.04
