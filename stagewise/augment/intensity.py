"""Transforms of grey levels that leave every voxel where it is."""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from stagewise.augment.transform import (
    Params,
    Transform,
    check_probability,
    check_range,
    to_dtype,
)


@dataclass(frozen=True)
class NormalNoise(Transform):
    """Normal noise, whose standard deviation is U(`std`) grey levels; a subclass says where it is added."""

    std: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "std", self.std, 0, 255)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`std` in grey levels, and the `seed` of the noise."""
        return {"std": float(rng.uniform(*self.std)), "seed": int(rng.integers(2**63))}


@dataclass(frozen=True)
class GaussianNoise(NormalNoise):
    """Add independent normal noise to every value."""

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The noisy volume, rounded and clipped."""
        rng = np.random.default_rng(params["seed"])
        if volume.dtype == np.uint8:
            return add_whole_noise(volume, np.rint(normal_quantiles() * params["std"]), rng)
        noisy = rng.standard_normal(volume.shape, np.float32)
        noisy *= np.float32(params["std"])
        noisy += volume
        return to_dtype(noisy, volume.dtype)


def add_whole_noise(volume: np.ndarray, noise_levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add noise of whole grey levels, which is all that a uint8 result can show, to every value.

    16 random bits pick one of 65,536 equally likely values of the noise, a quarter of the time of drawing
    each value from the normal distribution; none is farther out than 4.2 standard deviations.

    volume: (T, H, W, C) uint8. noise_levels: (65536,) whole numbers.
    """
    noise_levels = noise_levels.astype(np.int16)
    noisy = np.empty(volume.shape, np.uint8)
    for frame, target in zip(volume, noisy, strict=True):
        chosen = random_words(rng, frame.shape)
        cv2.add(frame, noise_levels.take(chosen), dst=target, dtype=cv2.CV_8U)  # clips to 0-255
    return noisy


def random_words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """16 random bits for each place of `shape`, uint16."""
    size = math.prod(shape)
    words = rng.integers(2**64, size=-(-size // 4), dtype=np.uint64)  # twice as fast as rng.bytes
    return words.astype("<u8", copy=False).view("<u2")[:size].reshape(shape)


@cache
def normal_quantiles() -> np.ndarray:
    """The standard normal distribution in 65,536 values, each the median of an equal share of it."""
    from scipy.special import ndtri

    return ndtri((np.arange(65536) + 0.5) / 65536)


@dataclass(frozen=True)
class RandomGamma(Transform):
    """Stretch the volume's lowest and highest value to 0 and 1, raise to the power U(`gamma`), times 255.

    A volume of one value has no contrast to stretch and stays as it is.
    """

    gamma: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "gamma", self.gamma, 0.01, 100)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`gamma`, uniform."""
        return {"gamma": float(rng.uniform(*self.gamma))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume with its contrast changed; 0 and 255 both occur in it."""
        lowest, highest = float(volume.min()), float(volume.max())
        if lowest == highest:
            return volume.copy(order="C")
        if volume.dtype == np.float32:
            return _gamma(volume, lowest, highest, params["gamma"])
        levels = np.arange(256, dtype=np.float32).clip(lowest, highest)
        table = to_dtype(_gamma(levels, lowest, highest, params["gamma"]), volume.dtype)
        return cv2.LUT(volume.reshape(-1, *volume.shape[2:]), table).reshape(volume.shape)


def _gamma(values: np.ndarray, lowest: float, highest: float, gamma: float) -> np.ndarray:
    return np.power((values - np.float32(lowest)) / np.float32(highest - lowest), np.float32(gamma)) * np.float32(255)
