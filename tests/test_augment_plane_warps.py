"""Distortions and moves of the image plane: where they take each pixel from."""

import cv2
import numpy as np
from grey_volumes import noise_volume, smooth_volume
from winners_chains import DISTORTIONS, SHIFT_SCALE_ROTATE

from stagewise.augment import ElasticPlanes
from stagewise.augment.plane_maps import affine_places, grid_places, sample_planes

ELASTIC, GRID, OPTICAL = DISTORTIONS


def test_elastic_fields_have_the_sheets_size_and_are_smooth():
    noise = np.random.default_rng(0).random((2, 160, 160))
    fields = ELASTIC.fields(noise)
    assert ((fields.std(axis=(1, 2)) > 2.4) & (fields.std(axis=(1, 2)) < 3.1)).all()
    assert 7 < np.abs(fields).max() < 14
    assert np.abs(np.diff(fields, axis=2)).max() < 2


def test_elastic_without_strength_is_the_affine_of_its_anchors():
    volume = smooth_volume((2, 60, 60, 1))
    still = ElasticPlanes(strength=0, sigma=7.5, anchor=5, p=1)
    np.testing.assert_array_equal(still.apply(volume, {"anchors": [[0, 0]] * 3, "seed": 1}), volume)
    moved = still.apply(volume, {"anchors": [[3, -2]] * 3, "seed": 1})
    np.testing.assert_allclose(moved[:, :-2, 3:], volume[:, 2:, :-3], atol=1e-3)  # right, and up


def test_grid_with_equal_cells_is_nearly_still_and_stretched_cells_add_up():
    volume = np.tile(np.arange(160, dtype=np.float32), (1, 160, 1))[..., np.newaxis]  # a pixel says its column
    even = GRID.apply(volume, {"columns": [1] * 6, "rows": [1] * 6})
    assert np.abs(even - volume)[..., :-1, 0].max() <= 1.05  # both ends of a cell are sampled
    wider = GRID.apply(volume, {"columns": [1.25, 0.75, 1.0, 0.8, 0.9, 1], "rows": [1] * 6})[0, 80, :, 0]
    np.testing.assert_allclose(wider[[0, 31, 63, 95, 127, 159]], 32 * np.array([0, 1.25, 2, 3, 3.8, 4.7]), atol=0.02)


def test_optical_distortion_is_its_formula():
    volume = np.tile(np.arange(160, dtype=np.float32), (1, 160, 1))[..., np.newaxis]
    u = (np.arange(160) - 79.5) / 160
    row = 79  # v is nearly 0 there
    squared = u**2 + (0.5 / 160) ** 2
    for bend, dx in ((0.8, 0), (-0.3, 2), (-0.9, -3)):
        found = OPTICAL.apply(volume, {"bend": bend, "shift": [dx, 0]})[0, row, :, 0]
        source = 160 * u * (1 + bend * squared + bend * squared**2) + 80 + dx
        inside = (source > 0) & (source < 159)
        assert np.abs(found - source)[inside].max() < 1 / 32


def test_shift_scale_and_rotation_go_where_they_say_and_outside_is_black():
    volume = np.zeros((2, 80, 80, 1), np.uint8)
    volume[:, 38:43, 58:63] = 200  # right of the centre

    def centre(degrees, scale, shift):
        frame = SHIFT_SCALE_ROTATE.apply(volume, {"degrees": degrees, "scale": scale, "shift": shift})[0, :, :, 0]
        rows, columns = np.nonzero(frame > 100)
        return rows.mean(), columns.mean()

    np.testing.assert_allclose(centre(0, 1, [0, 0]), (40, 60))
    np.testing.assert_allclose(centre(0, 1, [0.1, -0.2]), (24, 68))  # shares of the width and of the height
    np.testing.assert_allclose(centre(0, 1.5, [0, 0]), (40, 70), atol=0.6)
    np.testing.assert_allclose(
        centre(10, 1, [0, 0]), (40 - 20 * np.sin(np.pi / 18), 40 + 20 * np.cos(np.pi / 18)), atol=1
    )
    white = np.full((1, 80, 80, 1), 255, np.uint8)
    small = SHIFT_SCALE_ROTATE.apply(white, {"degrees": 0.0, "scale": 0.8, "shift": [0, 0]})[0, :, :, 0]
    assert (small[:7] == 0).all() and (small[-7:] == 0).all() and (small[10:70, 10:70] == 255).all()


def test_places_of_whole_pixels_are_those_pixels_and_outside_is_what_the_border_says():
    volume = noise_volume((3, 20, 24, 1))
    rows, columns = np.mgrid[:20, :24]
    np.testing.assert_array_equal(sample_planes(volume, grid_places(columns, rows), cv2.BORDER_CONSTANT), volume)
    still = affine_places(np.array([[1.0, 0, 0], [0, 1, 0]]), 20, 24)
    np.testing.assert_array_equal(sample_planes(volume, still, cv2.BORDER_CONSTANT), volume)
    far = grid_places(columns + 1e6, rows)
    assert (sample_planes(volume, far, cv2.BORDER_CONSTANT) == 0).all()
    left = sample_planes(volume, grid_places(columns - 3, rows), cv2.BORDER_REFLECT_101)
    np.testing.assert_array_equal(left[:, :, 3:], volume[:, :, :-3])
    np.testing.assert_array_equal(left[:, :, :3], volume[:, :, 3:0:-1])
