"""Blur in the image plane."""

from abc import abstractmethod
from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.augment.transform import Params, Transform, check_probability
from stagewise.messages.errors import InputError


@dataclass(frozen=True)
class PlaneBlur(Transform):
    """Blur every frame with a square kernel, one of `kernels` (odd sides in pixels), each equally likely.

    Frames continue mirrored about their border pixels, and uint8 is rounded: to the bit what OpenCV 4.7 makes of
    it, and so albumentations 0.4.6.
    """

    kernels: tuple[int, ...]
    p: float

    def __post_init__(self) -> None:
        if not self.kernels or any(side != int(side) or side < 1 or side % 2 == 0 for side in self.kernels):
            raise InputError(f"{type(self).__name__}: kernels must be odd whole numbers, found {self.kernels}")
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The side of the `kernel` in pixels."""
        return {"kernel": int(rng.choice(self.kernels))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume, every frame blurred."""
        blurred = np.empty(volume.shape, volume.dtype)
        for frame, target in zip(volume, blurred, strict=True):
            self.blur(frame, (params["kernel"],) * 2, target)
        return blurred

    @staticmethod
    @abstractmethod
    def blur(frame: np.ndarray, kernel: tuple[int, int], target: np.ndarray) -> None:
        """Blur one frame (H, W, C) into `target` of the same shape."""


class GaussianBlur(PlaneBlur):
    """Gaussian blur; sigma follows from the kernel's side k, 0.3 ((k - 1) / 2 - 1) + 0.8 pixels.

    OpenCV rounds the weights of sides up to 7: 1, 2, 1 quarters; 1, 4, 6, 4, 1 sixteenths.
    """

    @staticmethod
    def blur(frame: np.ndarray, kernel: tuple[int, int], target: np.ndarray) -> None:
        """As `PlaneBlur.blur`."""
        cv2.GaussianBlur(frame, kernel, 0, dst=target)


class BoxBlur(PlaneBlur):
    """The mean over the kernel."""

    @staticmethod
    def blur(frame: np.ndarray, kernel: tuple[int, int], target: np.ndarray) -> None:
        """As `PlaneBlur.blur`."""
        cv2.blur(frame, kernel, dst=target)
