"""Transforms that sample the volume at new places: every frame rotated, every axis resized."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import cv2
import numpy as np

from stagewise.augment.transform import (
    NO_PARAMS,
    Params,
    Transform,
    check_probability,
    check_range,
    to_dtype,
)
from stagewise.messages.errors import InputError


@dataclass(frozen=True)
class Rotate(Transform):
    """Rotate every frame by one angle about the centre of the image plane, cubic, 0 outside, shape kept.

    The angle and its sense follow Rotate of volumentations-3D 1.0.4 with x_limit = `degrees` and the other
    limits 0. Two things differ. The kernel is OpenCV's cubic convolution, which fades over a pixel into the 0
    outside, not a cubic spline with a sharp border. And the centre is (length - 1) / 2, where that library
    rounds to a whole pixel and so shifts most frames by up to one.
    """

    degrees: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "degrees", self.degrees, -180, 180)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`degrees`, uniform."""
        return {"degrees": float(rng.uniform(*self.degrees))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume with every frame rotated; overshoot is clipped to 0-255."""
        height, width = volume.shape[1:3]
        to_source = _rotation_to_source(math.radians(params["degrees"]), height, width)
        rotated = np.empty(volume.shape, np.float32)
        how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        for frame, target in zip(volume, rotated, strict=True):
            cv2.warpAffine(frame.astype(np.float32), to_source, (width, height), dst=target, flags=how)
        return to_dtype(rotated, volume.dtype)


def _rotation_to_source(angle: float, height: int, width: int) -> np.ndarray:
    """The 2x3 matrix from a pixel (x, y) of the result to its place in the source, about the centre."""
    cosine, sine = math.cos(angle), math.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, centre - linear @ centre])


@dataclass(frozen=True)
class Resize(Transform):
    """Resize to `shape` (T, H, W), linear on all three axes, no smoothing before shrinking; always applied.

    Pixels are cells and their centres are aligned, as in OpenCV's INTER_LINEAR: sample i of m lies at
    (i + 0.5) x n / m - 0.5 of n, and the border planes are repeated outwards. Computed in float32 and
    rounded once.
    """

    shape: tuple[int, int, int]
    p: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(length != int(length) or length < 1 for length in self.shape):
            raise InputError(f"Resize: shape must be three whole numbers (T, H, W) above 0, found {self.shape}")

    def apply(self, volume: np.ndarray, params: Params = NO_PARAMS) -> np.ndarray:
        """The volume of shape (*`shape`, C)."""
        frames, height, width = self.shape
        resized = np.empty((frames, height, width, volume.shape[3]), volume.dtype)

        @lru_cache(maxsize=2)  # neighbouring results share their source frames, and two fit the CPU's cache
        def source(index: int) -> np.ndarray:
            frame = volume[index].astype(np.float32)
            return cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)

        depth = cv2.CV_8U if volume.dtype == np.uint8 else cv2.CV_32F
        for target, low, weight in zip(resized, *_neighbours(volume.shape[0], frames), strict=True):
            high = min(low + 1, volume.shape[0] - 1)
            # weighted sum, rounding and clipping in one pass
            cv2.addWeighted(source(low), 1 - weight, source(high), weight, 0, dst=target, dtype=depth)
        return resized


def _neighbours(length: int, new_length: int) -> tuple[list[int], list[float]]:
    """For each new sample, the source sample before it and the weight of the one after."""
    places = np.clip((np.arange(new_length) + 0.5) * length / new_length - 0.5, 0, length - 1)
    low = places.astype(int)
    return low.tolist(), (places - low).tolist()
