"""Our transforms against volumentations-3D 1.0.4, the library of the original solution, where that works.

Its functional forms are called with the parameters that ours drew, in float, before any rounding. Lengths
of 1 modulo 4 are used where its coordinates matter: for others it shifts the volume by up to one voxel.
"""

import random
import warnings

import cv2
import numpy as np
import pytest

from stagewise.augment import (
    DropPlanes,
    ElasticTransform,
    FromVolumentations,
    GaussianNoise,
    RandomCropFromBorders,
    Resize,
    Rotate,
    RotateQuarters,
    augment,
)
from stagewise.augment.elastic import smooth_fields, warp

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports SciPy's old module names
    volumentations = pytest.importorskip("volumentations")
    functional = pytest.importorskip("volumentations.augmentations.functional")

SHAPE = (13, 41, 45, 3)
INNER = np.s_[2:-2, 9:-9, 9:-9]


@pytest.fixture(scope="module")
def volume():
    """Float32 grey levels of 40-220 with blobs about as wide as vessels are."""
    grey = np.random.default_rng(0).random(SHAPE, np.float32)
    grey = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in grey])
    return (40 + 180 * (grey - grey.min()) / np.ptp(grey)).astype(np.float32)


@pytest.mark.parametrize("degrees", [-10.0, 3.3, 10.0])
def test_rotation_has_its_sense_centre_and_border(volume, degrees):
    ours = Rotate(degrees=(-10, 10), p=1).apply(volume, {"degrees": degrees})
    theirs = functional.rotate3d(volume, degrees, 0, 0, interpolation=3, border_mode="constant", value=0)
    assert np.abs(theirs - volume)[INNER].max() > 15  # the angle shows
    difference = np.abs(ours - theirs)
    assert difference[INNER].mean() < 0.5 and difference[INNER].max() < 3  # cubic spline, cubic convolution
    wrong_sense = Rotate(degrees=(-10, 10), p=1).apply(volume, {"degrees": -degrees})
    assert np.abs(wrong_sense - theirs)[INNER].mean() > 10 * difference[INNER].mean()
    black = (theirs[0].max(axis=2) == 0).astype(np.uint8)
    well_outside = cv2.erode(black, np.ones((5, 5), np.uint8)) > 0  # the border itself is sharp there, soft here
    assert (ours[:, well_outside] == 0).all()
    assert (ours[:, black == 0] > 0).all()


def test_elastic_fields_are_its_fields_from_the_same_noise(volume):
    sigmas, shifts = [1.5, 6.0, 5.0], [0.6, 2.5, 1.0]
    coordinates = functional.generate_coords(SHAPE[:3])
    shifted = functional.elastic_deform_coords(coordinates.copy(), sigmas, shifts, random_state=5)
    shifted = functional.recenter_coords(shifted) - functional.recenter_coords(coordinates)
    state = np.random.RandomState(5)
    noise = np.stack([state.rand(*SHAPE[:3]) * 2 - 1 for _ in range(3)])
    np.testing.assert_allclose(smooth_fields(noise, sigmas, shifts), shifted, atol=1e-6)


def test_elastic_sampling_is_its_sampling(volume):
    sigmas, shifts = [1.5, 6.0, 5.0], [0.6, 2.5, 1.0]
    theirs = functional.elastic_transform(
        volume, sigmas, shifts, interpolation=2, border_mode="constant", value=0, random_state=5
    )
    state = np.random.RandomState(5)
    noise = np.stack([state.rand(*SHAPE[:3]) * 2 - 1 for _ in range(3)])
    ours = warp(volume, smooth_fields(noise, sigmas, shifts))
    difference = np.abs(ours - theirs.clip(0, 255))
    assert np.abs(theirs - volume).mean() > 10  # the deformation shows
    assert difference.mean() < 0.5 and difference.max() < 4  # in the plane: quadratic spline, cubic convolution
    np.testing.assert_array_equal(ours == 0, theirs == 0)  # the same voxels come from outside


def test_elastic_parameters_have_its_distribution():
    ours, theirs = ElasticTransform(deformation=(0, 0.25), p=1), volumentations.ElasticTransform((0, 0.25))
    rng = np.random.default_rng(0)
    random.seed(0)
    mine = [ours.draw(rng, SHAPE) for _ in range(3000)]
    other = [theirs.get_params(image=np.empty(SHAPE)) for _ in range(3000)]
    for own_name, name in (("sigmas", "sigmas"), ("shifts", "alphas")):
        quantiles = [
            np.quantile([p[key] for p in many], [0.1, 0.5, 0.9], axis=0)
            for key, many in ((own_name, mine), (name, other))
        ]
        np.testing.assert_allclose(*quantiles, rtol=0.12)


@pytest.mark.parametrize("shape", [(20, 64, 64), (7, 30, 60)])
def test_resize_is_its_resize_but_for_the_border(volume, shape):
    theirs = functional.resize(volume, (*shape, 3), interpolation=1, resize_type=0)
    ours = Resize(shape).apply(volume)
    edge = np.s_[2:-2, 2:-2, 2:-2]  # outside the outermost centres it mirrors, ours repeats
    np.testing.assert_allclose(ours[edge], theirs[edge], atol=0.02)
    assert np.abs(ours - theirs).max() < 25


def test_crop_and_dropped_planes_and_quarter_turns_are_its_slices(volume):
    crop = RandomCropFromBorders(share=0.15, p=1)
    params = crop.draw(np.random.default_rng(0), SHAPE)
    theirs = functional.clamping_crop(volume, *params["first"], *params["stop"])
    np.testing.assert_array_equal(crop.apply(volume, params), theirs)
    drop = DropPlanes(share=0.1, p=1)
    params = drop.draw(np.random.default_rng(0), SHAPE)
    theirs = volumentations.RandomDropPlane(0.1, axes=(0, 1, 2)).apply(volume, params["kept"], params["axis"])
    np.testing.assert_array_equal(drop.apply(volume, params), theirs)
    for turns in range(4):
        theirs = volumentations.RandomRotate90(axes=(1, 2)).apply(volume, (1, 2), turns)
        np.testing.assert_array_equal(RotateQuarters(p=1).apply(volume, {"turns": turns}), theirs)


def test_crop_has_its_distribution():
    shape = (60, 80, 100, 3)  # 0.15 x length is whole, so its far ends agree with ours
    ours, theirs = RandomCropFromBorders(share=0.15, p=1), volumentations.RandomCropFromBorders(0.15)
    rng = np.random.default_rng(0)
    random.seed(0)
    mine = np.array([[*p["first"], *p["stop"]] for p in (ours.draw(rng, shape) for _ in range(3000))])
    names = ["sh0_min", "sh1_min", "sh2_min", "sh0_max", "sh1_max", "sh2_max"]
    other = [theirs.get_params(image=np.empty(shape, np.uint8)) for _ in range(3000)]
    other = np.array([[params[name] for name in names] for params in other])
    np.testing.assert_array_equal(mine.min(axis=0), other.min(axis=0))
    np.testing.assert_array_equal(mine.max(axis=0), other.max(axis=0))
    np.testing.assert_allclose(mine.mean(axis=0), other.mean(axis=0), atol=0.35)


def test_noise_has_its_distribution():
    grey = np.full((8, 40, 40, 3), 128, np.uint8)
    theirs = functional.gaussian_noise(grey, np.random.default_rng(0).normal(0, 4, grey.shape))
    ours = GaussianNoise(std=(0, 5), p=1).apply(grey, {"std": 4.0, "seed": 0})
    shares = [np.bincount(np.rint(noisy).astype(int).ravel(), minlength=256) / grey.size for noisy in (ours, theirs)]
    assert np.abs(shares[0] - shares[1]).max() < 0.01


def test_its_transforms_run_inside_a_recipe_as_pure_functions(volume):
    grey = volume.astype(np.uint8)
    chain = (
        FromVolumentations(volumentations.GridDropout(ratio=0.3), p=1),
        FromVolumentations(volumentations.Flip(axis=0), p=1),
        FromVolumentations(volumentations.GaussianNoise(var_limit=(4, 9)), p=1),  # float64 from its side
    )
    results = [augment(grey, chain, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert results[0].dtype == np.uint8 and results[0].shape == grey.shape
    np.testing.assert_array_equal(augment(grey, chain[1:2], np.random.default_rng(0)), grey[::-1])
    assert "GridDropout(" in chain[0].describe()["wrapped"] and "ratio=0.3" in chain[0].describe()["wrapped"]
