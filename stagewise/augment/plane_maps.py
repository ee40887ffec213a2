"""Sampling every frame of a volume at the same places, which lie on a grid of 1/32 pixel.

That grid, and bilinear weights from it, are what OpenCV 4.7 works on, and so albumentations 0.4.6. OpenCV 5.0 takes
float32 places as they are, but keeps the grid where it is given whole numbers as here; the two differ by up to 6 grey
levels on noise.
"""

from abc import abstractmethod
from typing import ClassVar

import cv2
import numpy as np

from stagewise.augment.transform import Params, Transform

STEP_BITS = 5
STEPS = 2**STEP_BITS  # places of the grid in a pixel
TOGETHER = 4  # channels that OpenCV samples at once
MIRRORED = cv2.BORDER_REFLECT_101  # about the border pixels, which are not repeated
AFFINE_BITS = 10  # OpenCV's warpAffine rounds its sums to 1/1024 pixel, and these to the grid


def grid_places(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places on the grid nearest to those in pixels.

    columns, rows: (H, W), or what broadcasts to it: where the result's pixels are taken from.
    Returns: (2, H, W) whole numbers in 1/32 pixel, columns first.
    """
    places = np.stack(np.broadcast_arrays(np.float32(columns), np.float32(rows)))
    return np.rint(places * np.float32(STEPS)).astype(np.int64)


def affine_places(to_source: np.ndarray, height: int, width: int) -> np.ndarray:
    """Places on the grid of an affine map, rounded twice as OpenCV's warpAffine does.

    to_source: (2, 3), from a pixel (x, y, 1) of the result to its place (x, y) in the source, in pixels.
    Returns: as `grid_places`.
    """
    scale = 2**AFFINE_BITS
    across = np.rint(to_source[:, :1] * np.arange(width) * scale)
    down = np.rint((to_source[:, 1:2] * np.arange(height) + to_source[:, 2:]) * scale)
    places = (across[:, np.newaxis] + down[..., np.newaxis]).astype(np.int64)
    bits = AFFINE_BITS - STEP_BITS
    return (places + 2 ** (bits - 1)) >> bits


def nearest_planes(mask: np.ndarray, places: np.ndarray, border: int) -> np.ndarray:
    """Every frame of a mask, at the pixels nearest to the places; arguments and result as for `sample_planes`."""
    nearest = np.clip((places + STEPS // 2) >> STEP_BITS, -(2**15), 2**15 - 1).transpose(1, 2, 0)
    nearest = np.ascontiguousarray(nearest, np.int16)
    sampled = [cv2.remap(frame, nearest, None, cv2.INTER_NEAREST, borderMode=border) for frame in mask]
    return np.stack(sampled).reshape(len(mask), *places.shape[1:], mask.shape[3])


def sample_planes(volume: np.ndarray, places: np.ndarray, border: int) -> np.ndarray:
    """Every frame, bilinear at the places of the grid.

    Grey frames go four to an image, as its channels, which takes half the time of one by one or of all at once.
    (OpenCV 5 takes 128 channels at most; for more it returns an empty array without a word.)

    volume: (T, H, W, C), uint8 or float32. places: as `grid_places`. border: how a frame goes on outside, such as
    cv2.BORDER_REFLECT_101. Returns: (T, H, W, C) of the same dtype.
    """
    whole = np.clip(places >> STEP_BITS, -(2**15), 2**15 - 1).transpose(1, 2, 0)  # outside all the same
    whole = np.ascontiguousarray(whole, np.int16)
    column, row = places & (STEPS - 1)
    fraction = (row * STEPS + column).astype(np.uint16)
    sampled = np.empty(volume.shape, volume.dtype)
    if volume.shape[3] == 1:
        for start in range(0, len(volume), TOGETHER):
            frames, targets = (list(planes[start : start + TOGETHER]) for planes in (volume, sampled))
            image = cv2.remap(cv2.merge(frames), whole, fraction, cv2.INTER_LINEAR, borderMode=border)
            cv2.split(image, targets)
        return sampled
    for frame, target in zip(volume, sampled, strict=True):
        cv2.remap(frame, whole, fraction, cv2.INTER_LINEAR, dst=target, borderMode=border)
    return sampled


class PlaneWarp(Transform):
    """A transform that takes each pixel from another place, in one pass or several."""

    border: ClassVar[int] = MIRRORED  # how a frame goes on outside

    @abstractmethod
    def passes(self, height: int, width: int, params: Params) -> tuple[np.ndarray, ...]:
        """The places of each pass, one after the other, as of `plane_maps.grid_places`."""

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume, every frame sampled alike, bilinear."""
        for places in self.passes(*volume.shape[1:3], params):
            volume = sample_planes(volume, places, self.border)
        return volume

    def apply_to_mask(self, mask: np.ndarray, params: Params) -> np.ndarray:
        """The mask, sampled at the same places by its nearest pixels."""
        for places in self.passes(*mask.shape[1:3], params):
            mask = nearest_planes(mask, places, self.border)
        return mask
