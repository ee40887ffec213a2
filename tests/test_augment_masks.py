"""A mask goes where its picture goes, and its values stay 0 and 1."""

import cv2
import numpy as np
import pytest
from grey_volumes import drawn

from stagewise.augment import (
    BrightnessContrast,
    ElasticPlanes,
    Flip,
    GaussianNoise,
    GridDistortion,
    InversePercentGamma,
    MeanBrightness,
    MirroredShiftScaleRotate,
    OneOf,
    OpticalDistortion,
    ResizePlanes,
    ShiftScaleRotate,
    augment_with_mask,
)
from stagewise.messages.errors import InputError

SIDE = 96
MOVES = [
    Flip(axis=1, p=1),
    Flip(axis=2, p=1),
    ElasticPlanes(strength=60.0, sigma=4.0, anchor=3.6, p=1),
    GridDistortion(cells=5, stretch=(-0.3, 0.3), p=1),
    OpticalDistortion(bend=(-0.3, 1.0), shift=0, p=1),
    MirroredShiftScaleRotate(degrees=(-45.0, 45.0), scale=(0.9, 1.1), shift=0.0625, p=1),
    ShiftScaleRotate(degrees=(-45.0, 45.0), scale=(0.9, 1.1), shift=0.0625, p=1),
    ResizePlanes((48, 64)),
    OneOf((Flip(axis=2, p=1), OpticalDistortion(bend=(-0.3, 1.0), shift=0, p=1)), p=1),
]
LEVELS = [
    BrightnessContrast(brightness=(0.0, 0.0), contrast=(-0.2, 0.2), p=1),
    InversePercentGamma(percent=(80, 120), p=1),
    MeanBrightness(limits=(-0.2, 0.2), p=1),
]


@pytest.fixture(scope="module")
def disc() -> np.ndarray:
    """A white disc off the middle, (1, SIDE, SIDE, 1) uint8 of 0 and 1."""
    plane = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(plane, (40, 55), 22, 1, cv2.FILLED)
    return plane[np.newaxis, ..., np.newaxis]


@pytest.mark.parametrize("transform", MOVES, ids=lambda transform: type(transform).__name__)
def test_a_mask_moves_with_its_picture(transform, disc):
    for number in range(8):
        picture, mask = augment_with_mask(disc * 255, disc, [transform], np.random.default_rng(number))
        assert mask.shape == picture.shape and mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1}
        # nearest and bilinear differ along the outline alone, by a pixel
        assert np.mean((picture > 127) != (mask == 1)) < 0.02
        assert mask.any() and not np.array_equal(mask, disc)


@pytest.mark.parametrize("transform", LEVELS, ids=lambda transform: type(transform).__name__)
def test_grey_levels_leave_a_mask_alone(transform, disc):
    picture, mask = augment_with_mask(disc * 100 + 50, disc, [transform], np.random.default_rng(2))
    np.testing.assert_array_equal(mask, disc)
    assert not np.array_equal(picture, disc * 100 + 50)


def test_what_knows_of_no_masks_is_refused(disc):
    with pytest.raises(InputError, match="GaussianNoise moves no masks"):
        augment_with_mask(disc, disc, [GaussianNoise((1.0, 2.0), p=1)], np.random.default_rng(0))


def test_gamma_is_the_inverse_of_a_whole_percent():
    gammas = {round(100 / params["gamma"], 6) for params in drawn(LEVELS[1], 2000, (1, 4, 4, 1))}
    assert gammas == set(range(80, 121))


def test_brightness_moves_by_a_share_of_the_pictures_mean():
    picture = np.full((1, 4, 4, 1), 100, np.uint8)
    picture[0, 0, 0] = 200  # the mean is 106.25
    moved = LEVELS[2].apply(picture, {"share": 0.1})
    assert moved[0, 0, 0] == 210 and moved[0, 1, 1] == 110  # 210.625 and 110.625, truncated
    assert LEVELS[2].apply(picture, {"share": 0.2})[0, 0, 0] == 221
    draws = np.array([params["share"] for params in drawn(LEVELS[2], 3000, picture.shape)])
    assert np.abs(np.histogram(draws, 5, (-0.2, 0.2))[0] / 3000 - 0.2).max() < 0.03


def test_outside_it_is_mirrored_or_black():
    white = np.full((1, 40, 40, 1), 255, np.uint8)
    for transform, darkest in ((MOVES[5], 255), (MOVES[6], 0)):
        turned = transform.apply(white, {"degrees": 45.0, "scale": 0.9, "shift": [0.0, 0.0]})
        assert turned.min() == darkest
