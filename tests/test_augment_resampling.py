"""Resizing and rotation: the formula, rounded once, and nothing that wraps around."""

import numpy as np
import pytest
from grey_volumes import SHAPE, drawn, noise_volume, smooth_volume

from stagewise.augment import ElasticTransform, Resize, Rotate


def linear_resize(volume, shape):
    """The formula in float64, one axis after the other: pixel centres aligned, borders repeated."""
    result = volume.astype(np.float64)
    for axis, new in enumerate(shape):
        old = volume.shape[axis]
        places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.minimum(places.astype(int), max(old - 2, 0))
        weight = (places - low).reshape([-1 if a == axis else 1 for a in range(4)])
        high = np.minimum(low + 1, old - 1)
        result = (1 - weight) * result.take(low, axis) + weight * result.take(high, axis)
    return result


@pytest.mark.parametrize("shape", [(14, 33, 40), (4, 9, 11), (9, 40, 8), (1, 1, 1), (96, 21, 26)])
def test_resize_is_the_linear_formula_rounded_once(shape):
    volume = noise_volume()
    expected = linear_resize(volume, shape)
    np.testing.assert_allclose(Resize(shape).apply(volume.astype(np.float32)), expected, atol=2e-3)
    assert np.abs(Resize(shape).apply(volume) - expected).max() < 0.503


def test_resize_to_the_same_shape_is_identity_and_mirrors_with_flips():
    volume = noise_volume()
    np.testing.assert_array_equal(Resize(SHAPE[:3]).apply(volume), volume)
    for axis in range(3):
        straight = np.flip(Resize((7, 30, 30)).apply(volume), axis).astype(int)
        mirrored = Resize((7, 30, 30)).apply(np.flip(volume, axis)).astype(int)
        assert np.abs(straight - mirrored).max() <= 1


def test_rotation_by_0_is_identity_and_by_90_a_quarter_turn():
    volume, rotate = noise_volume((3, 16, 16, 3)), Rotate(degrees=(0, 0), p=1)
    np.testing.assert_array_equal(rotate.apply(volume, {"degrees": 0.0}), volume)
    quarter = rotate.apply(volume, {"degrees": 90.0})
    np.testing.assert_array_equal(quarter, np.rot90(volume, 1, (1, 2)))


def test_rotation_is_the_same_in_every_frame_and_returns():
    frame = smooth_volume((1, 41, 44, 3))
    volume = np.repeat(frame, 5, axis=0)
    rotate = Rotate(degrees=(-10, 10), p=1)
    there = rotate.apply(volume, {"degrees": 10.0})
    assert (there == there[0]).all()
    back = rotate.apply(there, {"degrees": -10.0})
    middle = np.s_[:, 12:-12, 12:-12]
    assert np.abs(there[middle] - volume[middle]).max() > 10
    assert np.abs(back[middle] - volume[middle]).max() < 1.5
    assert (there[:, 0, 0] == 0).all()  # what came from outside


def test_rotation_angles_are_uniform():
    angles = np.array([params["degrees"] for params in drawn(Rotate(degrees=(-10, 10), p=1), 3000)])
    assert -10 <= angles.min() < -9.9 and 9.9 < angles.max() <= 10
    assert np.abs(np.histogram(angles, 10, (-10, 10))[0] / 3000 - 0.1).max() < 0.03


@pytest.mark.parametrize("level", [(0, 255), (255, 0)])
def test_cubic_overshoot_is_clipped_not_wrapped(level):
    """Across a step the cubic kernel leaves 0-255 by some grey levels: -1 must become 0, not 255."""
    volume = np.full((2, 40, 40, 3), level[0], np.uint8)
    volume[:, :, 20:] = level[1]
    inside = np.s_[:, 10:-10, 10:-10]
    for transform, params in (
        (Rotate(degrees=(-10, 10), p=1), {"degrees": 7.0}),
        (ElasticTransform(deformation=(0, 1), p=1), {"sigmas": [1, 8, 8], "shifts": [0.1, 2, 2], "seed": 3}),
    ):
        rounded = transform.apply(volume, params)[inside].astype(float)
        # the same step between 60 and 195 overshoots by less than 60, so nothing is clipped there
        within = transform.apply((60 + volume.astype(np.float32) * (135 / 255)), params)[inside]
        unclipped = (within - 60) * (255 / 135)
        assert unclipped.min() < -1 and unclipped.max() > 256
        assert np.abs(rounded - unclipped.clip(0, 255)).max() < 0.51
