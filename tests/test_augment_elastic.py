"""The elastic transform: its fields, and the splines that sample along them."""

import numpy as np
import pytest
from grey_volumes import SHAPE, drawn, noise_volume, smooth_volume
from scipy.ndimage import gaussian_filter, map_coordinates

from stagewise.augment import ElasticTransform, augment
from stagewise.augment.elastic import smooth_fields, warp


def test_elastic_draws_sigmas_in_proportion_and_shifts_within_their_limits():
    shape = (60, 67, 100, 3)
    params = drawn(ElasticTransform(deformation=(0, 0.25), p=1), 2000, shape)
    sigmas = np.array([p["sigmas"] for p in params]) / shape[:3]
    ratios = np.array([p["shifts"] for p in params]) / np.array([p["sigmas"] for p in params])
    np.testing.assert_allclose(sigmas, sigmas[:, :1].repeat(3, axis=1))
    assert np.abs(np.histogram(sigmas[:, 0], 5, (0, 0.25))[0] / 2000 - 0.2).max() < 0.04
    for ratio in ratios.T:
        assert np.abs(np.histogram(ratio, 5, (1 / 8, 1 / 2))[0] / 2000 - 0.2).max() < 0.04
    assert np.abs(np.corrcoef(ratios.T) - np.eye(3)).max() < 0.1


def test_elastic_fields_have_the_largest_shift_asked_for_and_mean_0():
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 20, 30, 40))
    fields = smooth_fields(noise, [2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(fields.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    for field, shift in zip(fields, (1, 2, 3), strict=True):
        assert 0.8 * shift < np.abs(field).max() < 1.2 * shift
        assert np.abs(np.diff(field, axis=2)).max() < shift / 4  # smooth: sigma is 4 voxels there


@pytest.mark.parametrize("sigmas", [[12.0, 15.0, 20.0], [3.0, 9.0, 40.0]], ids=["all wide", "one narrow"])
def test_elastic_fields_of_wide_sigmas_stay_those_of_the_filter(sigmas):
    """Computed on a coarse grid, and yet the smoothed noise itself, within a thousandth of the largest shift."""
    noise, shifts = np.random.default_rng(0).uniform(-1, 1, (3, 48, 60, 80)), [5.0, 7.0, 9.0]
    for field, raw, shift in zip(smooth_fields(noise, sigmas, shifts), noise, shifts, strict=True):
        expected = gaussian_filter(raw, sigmas, mode="constant")
        expected *= shift / np.abs(expected).max()
        np.testing.assert_allclose(field, expected - expected.mean(), atol=1e-3 * shift)


def test_elastic_without_deformation_is_identity():
    volume, still = noise_volume(), ElasticTransform(deformation=(0, 0), p=1)
    np.testing.assert_array_equal(still.apply(volume, still.draw(np.random.default_rng(0), SHAPE)), volume)
    barely = still.apply(volume, {"sigmas": [0.01] * 3, "shifts": [1e-6] * 3, "seed": 0})
    inner = np.s_[1:-1, 1:-1, 1:-1]  # at the border a shift outwards, however small, shows 0
    np.testing.assert_array_equal(barely[inner], volume[inner])


@pytest.mark.parametrize("frames", [2, 5, 14])
def test_elastic_samples_as_scipys_quadratic_splines_with_0_outside(frames):
    volume = smooth_volume((frames, 30, 43, 3))
    noise = np.random.default_rng(1).uniform(-1, 1, (3, *volume.shape[:3]))
    fields = smooth_fields(noise, [frames / 4, 5.0, 7.0], [frames / 8, 2.5, 3.5])
    places = fields + np.indices(volume.shape[:3])
    theirs = np.stack([map_coordinates(grey, places, order=2) for grey in np.moveaxis(volume, 3, 0)], axis=3)
    ours = warp(volume, fields)
    np.testing.assert_array_equal(ours == 0, theirs == 0)
    assert 0.02 < (ours == 0).mean() < 0.7
    assert np.abs(ours - theirs).max() < 2  # in the image plane cubic convolution takes the spline's place
    fields[1:] = 0
    places = fields + np.indices(volume.shape[:3])
    theirs = map_coordinates(volume[..., 0], places, order=2)
    np.testing.assert_allclose(warp(volume, fields)[..., 0], theirs, atol=1e-3)


def test_elastic_bends_a_single_frame_within_its_plane():
    volume, elastic = smooth_volume((1, 40, 40, 3)), ElasticTransform(deformation=(0.1, 0.2), p=1)
    warped = augment(volume, [elastic], np.random.default_rng(0))
    assert (warped[0, 10:-10, 10:-10] > 0).all() and not np.array_equal(warped, volume)


def test_elastic_moves_voxels_by_about_its_shifts():
    """On a ramp along one axis the grey level tells where a voxel came from."""
    shape = (24, 40, 40, 3)
    ramp = np.broadcast_to(50 + 3 * np.arange(40, dtype=np.float32)[:, np.newaxis], (24, 40, 40))
    volume = np.ascontiguousarray(np.repeat(ramp[..., np.newaxis], 3, axis=3))
    elastic = ElasticTransform(deformation=(0.2, 0.2), p=1)
    params = elastic.draw(np.random.default_rng(4), shape)
    warped = elastic.apply(volume, params)
    moved = (warped - volume)[6:-6, 10:-10, 10:-10] / 3
    assert 0.2 * params["shifts"][1] < np.abs(moved).max() < 1.3 * params["shifts"][1]
