"""Resizing the planes alone, and one channel of three."""

import cv2
import numpy as np
import pytest
from grey_volumes import noise_volume

from stagewise.augment import Channel, ResizePlanes
from stagewise.messages.errors import InputError


def two_taps(line, length):
    """The third place's sheet: INTER_AREA where a side grows, in float64.

    Its floor(d m / n) is computed as here: of 144 pixels, sample 21 of 112 begins at 26, not at 21 x 144 / 112 = 27.
    """
    count = len(line)
    step = 1 / (length / count)
    result = np.empty(length)
    for sample in range(length):
        first = int(sample * step)
        weight = (sample + 1) - (first + 1) * length / count
        weight = 0 if weight <= 0 else weight % 1
        result[sample] = (1 - weight) * line[first] + weight * line[min(first + 1, count - 1)]
    return result


@pytest.mark.parametrize("size", [(67, 68), (144, 100), (30, 111), (112, 112)])
def test_area_of_a_crop_with_a_side_below_112_is_the_sheets_two_taps(size):
    volume = noise_volume((2, *size, 3), np.float32)
    result = ResizePlanes((112, 112), kernel="area").apply(volume)
    rows = np.apply_along_axis(two_taps, 1, volume.astype(float), 112)
    expected = np.apply_along_axis(two_taps, 2, rows, 112)
    np.testing.assert_allclose(result, expected, atol=0.01)
    whole = ResizePlanes((112, 112), kernel="area").apply(volume.astype(np.uint8))
    assert np.abs(whole - expected).max() < 1  # OpenCV's sums of uint8 lose fractions between the two axes


def test_area_of_a_larger_crop_is_the_mean_over_areas():
    volume = noise_volume((2, 224, 336, 3), np.float32)
    result = ResizePlanes((112, 112), kernel="area").apply(volume)
    means = volume.reshape(2, 112, 2, 112, 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(result, means, atol=1e-3)


def test_planes_are_resized_frame_by_frame_and_their_number_stays():
    volume = noise_volume((7, 30, 40, 1))
    resized = ResizePlanes((160, 160)).apply(volume)
    assert resized.shape == (7, 160, 160, 1)
    np.testing.assert_array_equal(resized[3, :, :, 0], cv2.resize(volume[3, :, :, 0], (160, 160)))
    np.testing.assert_array_equal(ResizePlanes((30, 40)).apply(volume), volume)


def test_a_channel_is_the_one_asked_for():
    volume = noise_volume()
    np.testing.assert_array_equal(Channel(2).apply(volume), volume[..., 2:])
    with pytest.raises(InputError, match="3 channels must be given"):
        Channel(2).apply(volume[..., :1])
