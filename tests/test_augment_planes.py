"""Flips, quarter turns, crops and dropped planes: what they keep, and how they are drawn."""

import numpy as np
import pytest
from grey_volumes import SHAPE, drawn, noise_volume

from stagewise.augment import DropPlanes, Flip, RandomCropFromBorders, RotateQuarters


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flip_reverses_its_axis_and_twice_is_identity(axis):
    volume, flip = noise_volume(), Flip(axis=axis, p=1)
    np.testing.assert_array_equal(flip.apply(volume), np.flip(volume, axis))
    np.testing.assert_array_equal(flip.apply(flip.apply(volume)), volume)


def test_quarter_turns_stay_in_the_image_plane_and_four_are_identity():
    volume, quarters = noise_volume(), RotateQuarters(p=1)
    turned = volume
    for turns in range(4):
        np.testing.assert_array_equal(quarters.apply(volume, {"turns": turns}), np.rot90(volume, turns, (1, 2)))
        turned = quarters.apply(turned, {"turns": 1})
    np.testing.assert_array_equal(turned, volume)


def test_quarter_turns_are_equally_likely():
    counts = np.bincount([params["turns"] for params in drawn(RotateQuarters(p=1), 4000)], minlength=4)
    assert len(counts) == 4 and np.abs(counts / 4000 - 0.25).max() < 0.03


def test_crop_cuts_each_side_uniformly_and_independently():
    shape = (60, 67, 100, 3)
    params = drawn(RandomCropFromBorders(share=0.15, p=1), 4000, shape)
    cuts = np.array([[*p["first"], *np.subtract(shape[:3], p["stop"])] for p in params])
    most = np.array([9, 10, 15] * 2)
    assert (cuts.min(axis=0) == 0).all() and (cuts.max(axis=0) == most).all()
    for side, top in zip(cuts.T, most, strict=True):
        shares = np.bincount(side, minlength=top + 1) / 4000
        assert np.abs(shares - 1 / (top + 1)).max() < 0.03
    assert np.abs(np.corrcoef(cuts.T) - np.eye(6)).max() < 0.08


def test_crop_keeps_what_lies_between_the_cuts():
    volume = noise_volume()
    kept = RandomCropFromBorders(share=0.2, p=1).apply(volume, {"first": [1, 2, 3], "stop": [8, 20, 24]})
    np.testing.assert_array_equal(kept, volume[1:8, 2:20, 3:24])
    uncut = RandomCropFromBorders(share=0, p=1)
    np.testing.assert_array_equal(uncut.apply(volume, uncut.draw(np.random.default_rng(0), SHAPE)), volume)


def test_dropped_planes_have_the_share_on_each_axis():
    shape = (50, 60, 70, 3)
    params = drawn(DropPlanes(share=0.1, p=1), 3000, shape)
    axes = np.bincount([p["axis"] for p in params])
    assert np.abs(axes / 3000 - 1 / 3).max() < 0.04
    for axis in range(3):
        dropped = [1 - len(p["kept"]) / shape[axis] for p in params if p["axis"] == axis]
        assert abs(np.mean(dropped) - 0.1) < 0.005


def test_drop_planes_keeps_order_and_never_drops_all():
    volume = noise_volume()
    kept = DropPlanes(share=0.1, p=1).apply(volume, {"axis": 1, "kept": [0, 3, 4]})
    np.testing.assert_array_equal(kept, volume[:, [0, 3, 4]])
    none_left = DropPlanes(share=1, p=1)
    result = none_left.apply(volume, none_left.draw(np.random.default_rng(0), SHAPE))
    assert sorted(np.subtract(SHAPE, result.shape))[:3] == [0, 0, 0] and 1 in result.shape
    untouched = DropPlanes(share=0, p=1)
    np.testing.assert_array_equal(untouched.apply(volume, untouched.draw(np.random.default_rng(0), SHAPE)), volume)
