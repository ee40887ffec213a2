"""What augmentation promises: pure, replayable, in range, distributed as the recipe says."""

import json
import random
from dataclasses import FrozenInstanceError
from statistics import NormalDist

import cv2
import numpy as np
import pytest
from conftest import real_file
from scipy.ndimage import gaussian_filter, map_coordinates

from stagewise.augment import (
    DropPlanes,
    ElasticTransform,
    Flip,
    FromVolumentations,
    GaussianNoise,
    RandomCropFromBorders,
    RandomGamma,
    Resize,
    Rotate,
    RotateQuarters,
    Transform,
    augment,
)
from stagewise.augment.elastic import smooth_fields, warp
from stagewise.errors import InputError, NumericalError
from stagewise.recipes.d121 import AUGMENTATION, AUGMENTATION_DROPPED_PLANES

SHAPE = (9, 21, 26, 3)
EVERY = (
    Rotate(degrees=(-10.0, 10.0), p=1),
    ElasticTransform(deformation=(0.05, 0.25), p=1),
    RandomCropFromBorders(share=0.3, p=1),
    DropPlanes(share=0.3, p=1),
    Resize((8, 24, 16)),
    Flip(axis=0, p=1),
    Flip(axis=1, p=1),
    Flip(axis=2, p=1),
    RotateQuarters(p=1),
    GaussianNoise(std=(1.0, 5.0), p=1),
    RandomGamma(gamma=(0.5, 1.5), p=1),
)


def noise_volume(shape=SHAPE, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8).astype(dtype)


def smooth_volume(shape=SHAPE, seed=0):
    """Float32 grey levels of 60-200 that change slowly, away from both ends of the range."""
    volume = np.random.default_rng(seed).random(shape, np.float32)
    volume = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in volume])
    return (60 + 140 * (volume - volume.min()) / np.ptp(volume)).astype(np.float32)


def drawn(transform, count, shape=SHAPE):
    rng = np.random.default_rng(1)
    return [transform.draw(rng, shape) for _ in range(count)]


def by_name(transform):
    return type(transform).__name__ + (str(transform.axis) if isinstance(transform, Flip) else "")


# --- every transform ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("transform", EVERY, ids=by_name)
def test_apply_is_pure_and_replays(transform, dtype):
    volume = noise_volume(dtype=dtype)
    before = volume.copy()
    params = transform.draw(np.random.default_rng(3), volume.shape)
    first, again = transform.apply(volume, params), transform.apply(volume, params)
    from_strided = transform.apply(np.asfortranarray(volume), json.loads(json.dumps(params)))
    np.testing.assert_array_equal(volume, before)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, from_strided)  # neither the memory order nor a trip through JSON matters
    assert first.dtype == dtype and first.flags.c_contiguous and first.ndim == 4
    assert not np.may_share_memory(first, volume)
    assert first.min() >= 0 and first.max() <= 255


@pytest.mark.parametrize("transform", EVERY, ids=by_name)
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 40, 2, 3), (50, 2, 3, 3)])
def test_the_smallest_volumes_pass(transform, shape):
    result = augment(noise_volume(shape), [transform], np.random.default_rng(5))
    assert result.dtype == np.uint8 and min(result.shape) >= 1


@pytest.mark.parametrize("transform", EVERY, ids=by_name)
def test_black_stays_black_and_white_white(transform):
    """Neither end of the range leaks into the other: no -1 becomes 255, no 256 becomes 0."""
    black, white = (np.full((20, 20, 20, 3), level, np.uint8) for level in (0, 255))
    for seed in range(5):
        noise = 30 if isinstance(transform, GaussianNoise) else 0
        assert augment(black, [transform], np.random.default_rng(seed)).max() <= noise
        result = augment(white, [transform], np.random.default_rng(seed))
        frames, height, width = (slice(length // 3, -(length // 3)) for length in result.shape[:3])
        assert result[frames, height, width].min() >= 255 - noise


@pytest.mark.parametrize("transform", EVERY, ids=by_name)
def test_describe_is_plain_and_names_the_transform(transform):
    described = json.loads(json.dumps(transform.describe()))
    assert described["transform"] == type(transform).__name__
    assert ("p" in described) == (not isinstance(transform, Resize))


def test_transforms_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Flip(axis=0, p=0.5).p = 1


# --- augment -----------------------------------------------------------------------------------------------


def test_same_seed_same_result_and_another_seed_another():
    volume = noise_volume()
    results = [augment(volume, EVERY, np.random.default_rng(seed)) for seed in (7, 7, 8)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_global_random_state_is_neither_used_nor_moved():
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        cv2.setRNGSeed(seed)
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(augment(noise_volume(), EVERY, np.random.default_rng(7)))
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(*results)


def test_probability_0_and_1_and_the_input_never_aliased():
    volume = noise_volume()
    never = augment(volume, [Flip(axis=0, p=0), RandomGamma(gamma=(2, 2), p=0)], np.random.default_rng(0))
    np.testing.assert_array_equal(never, volume)
    assert not np.may_share_memory(never, volume)
    for seed in range(20):
        always = augment(volume, [Flip(axis=0, p=1)], np.random.default_rng(seed))
        np.testing.assert_array_equal(always, volume[::-1])


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_transforms_are_applied_with_their_probability_and_independently(p):
    volume = noise_volume((2, 2, 2, 3))
    rng = np.random.default_rng(11)
    flips = [Flip(axis=0, p=p), Flip(axis=2, p=p)]
    kinds = [volume, volume[::-1], volume[:, :, ::-1], volume[::-1, :, ::-1]]
    seen = np.zeros(4)
    for _ in range(2000):
        result = augment(volume, flips, rng)
        seen[next(kind for kind in range(4) if np.array_equal(result, kinds[kind]))] += 1
    expected = np.array([(1 - p) ** 2, p * (1 - p), p * (1 - p), p * p])
    assert np.abs(seen / 2000 - expected).max() < 4 * np.sqrt(0.25 / 2000)


def test_a_transforms_chance_does_not_depend_on_the_others_nor_on_the_data():
    """A step late in the sequence draws the same whatever the ones before it draw, and on what data."""

    class Witness(Transform):
        p = 0.5

        def draw(self, rng, shape):
            seen.append(rng.random())
            return {}

        def apply(self, volume, params=None):
            return volume

    draws = []
    for first in (*EVERY, DropPlanes(share=0.5, p=0.5)):
        for shape in ((4, 8, 8, 3), (31, 16, 16, 3)):
            seen = []
            for seed in range(10):
                rng = np.random.default_rng(seed)
                augment(noise_volume(shape), (first, Witness(), Witness()), rng)
                seen.append(rng.random())  # and so is what the caller draws next
            draws.append(seen)
    assert 15 < len(draws[0]) < 30 and len(set(draws[0])) == len(draws[0])
    assert all(found == draws[0] for found in draws)


def test_order_matters():
    volume = np.full((4, 16, 16, 3), 100, np.uint8)
    volume[:, 4:12, 4:12] = 140
    noise, gamma = GaussianNoise(std=(5, 5), p=1), RandomGamma(gamma=(1, 1), p=1)
    stretched_last = augment(volume, [noise, gamma], np.random.default_rng(2))
    noised_last = augment(volume, [gamma, noise], np.random.default_rng(2))
    assert stretched_last.min() == 0 and stretched_last.max() == 255
    assert np.ptp(stretched_last[:, :4]) > 2 * np.ptp(noised_last[:, :4])  # the stretch magnifies earlier noise


@pytest.mark.parametrize(
    "volume",
    [
        np.zeros((4, 5, 6), np.uint8),
        np.zeros((4, 5, 6, 1), np.uint8),
        np.zeros((0, 5, 6, 3), np.uint8),
        np.zeros((4, 5, 6, 3), np.float64),
        np.zeros((4, 5, 6, 3), np.int16),
    ],
)
def test_what_is_no_volume_is_refused(volume):
    with pytest.raises(InputError, match="a volume is"):
        augment(volume, AUGMENTATION, np.random.default_rng(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rotate(degrees=(10, -10), p=1),
        lambda: Rotate(degrees=(-190, 10), p=1),
        lambda: Rotate(degrees=(float("nan"), 10), p=1),
        lambda: Rotate(degrees=(1, 2, 3), p=1),
        lambda: Rotate(degrees=(-10, 10), p=1.5),
        lambda: ElasticTransform(deformation=(-0.1, 0.25), p=1),
        lambda: RandomCropFromBorders(share=0.5, p=1),
        lambda: RandomCropFromBorders(share=-0.1, p=1),
        lambda: DropPlanes(share=1.1, p=1),
        lambda: DropPlanes(share=0.1, p=-0.1),
        lambda: Resize((0, 4, 4)),
        lambda: Resize((4, 4)),
        lambda: Resize((4, 4.5, 4)),
        lambda: Flip(axis=3, p=1),
        lambda: RotateQuarters(p=float("nan")),
        lambda: GaussianNoise(std=(-1, 5), p=1),
        lambda: RandomGamma(gamma=(0, 1), p=1),
        lambda: RandomGamma(gamma=(0.5, float("inf")), p=1),
        lambda: FromVolumentations(object(), p=2),
    ],
)
def test_impossible_parameters_are_refused(make):
    with pytest.raises(InputError, match="must be"):
        make()


@pytest.mark.parametrize("transforms", [AUGMENTATION, AUGMENTATION_DROPPED_PLANES])
def test_the_recipes_chain_ends_in_the_nets_input(transforms):
    result = augment(noise_volume((40, 60, 50, 3)), transforms, np.random.default_rng(0))
    assert result.shape == (96, 128, 128, 3) and result.dtype == np.uint8


# --- planes ------------------------------------------------------------------------------------------------


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


# --- resampling --------------------------------------------------------------------------------------------


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


# --- elastic -----------------------------------------------------------------------------------------------


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


# --- intensity ---------------------------------------------------------------------------------------------


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


# --- adapter -----------------------------------------------------------------------------------------------


class Brighten:
    """Stands for a volumentations transform: the same call, and chance from both global generators."""

    def __init__(self, most=40, broken=False):
        self.most, self.broken = most, broken

    def __call__(self, force_apply, targets, **data):
        assert force_apply is True and "image" in targets[0] and data["image"].dtype == np.float32
        added = random.uniform(0, self.most) + np.random.normal(size=data["image"].shape)  # noqa: NPY002
        return {"image": (data["image"] + added) / (0 if self.broken else 1)}


def test_a_wrapped_transform_is_a_pure_function_that_leaves_the_global_generators_alone():
    wrapped = FromVolumentations(Brighten(), p=1)
    results = []
    for outer_seed, seed in ((3, 1), (4, 1), (5, 2)):
        random.seed(outer_seed)
        np.random.seed(outer_seed)  # noqa: NPY002
        python_state, numpy_state = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(augment(noise_volume(), [wrapped], np.random.default_rng(seed)))
        assert random.getstate() == python_state
        np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert results[0].dtype == np.uint8 and (results[0][noise_volume() > 250] > 245).all()  # clipped, not wrapped


def test_a_wrapped_transform_that_fails_says_so_and_restores_the_generators():
    before = random.getstate()
    with pytest.raises(NumericalError, match=r"Brighten\(most=40, broken=True\)"), np.errstate(divide="ignore"):
        augment(noise_volume(), [FromVolumentations(Brighten(broken=True), p=1)], np.random.default_rng(0))
    assert random.getstate() == before
    assert json.loads(json.dumps(FromVolumentations(Brighten(), p=0.5).describe())) == {
        "transform": "FromVolumentations",
        "wrapped": "Brighten(most=40, broken=False)",
        "p": 0.5,
    }


# --- a real clip -------------------------------------------------------------------------------------------


def test_a_real_clip_comes_through_the_whole_chain_and_stays_recognisable():
    capture = cv2.VideoCapture(str(real_file("stallcatchers/roi_clip_unlabelled_150x150.avi")))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    volume = np.stack(frames)
    plain = Resize((32, 64, 64)).apply(volume)
    assert abs(plain.mean() - volume.mean()) < 2
    soft = (Rotate(degrees=(-10, 10), p=1), RandomCropFromBorders(share=0.15, p=1), DropPlanes(share=0.1, p=1))
    for seed in range(3):
        result = augment(volume, (*soft, Resize((32, 64, 64))), np.random.default_rng(seed))
        likeness = np.corrcoef(result.ravel().astype(float), plain.ravel())[0, 1]
        assert 0.3 < likeness < 0.999
