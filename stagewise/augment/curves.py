"""Brightness, contrast and gamma: one curve from grey level to grey level for a whole volume."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.augment.transform import GreyLevels, Params, check_probability, check_range, to_dtype
from stagewise.messages.errors import InputError

LEVEL = 1.0 / 255  # one grey level of the range 0-1


@dataclass(frozen=True)
class BrightnessContrast(GreyLevels):
    """Grey level v becomes a v + 255 b, with a = 1 + U(`contrast`) and b = U(`brightness`).

    Clipped, and in uint8 truncated: as RandomBrightnessContrast of albumentations 0.4.6, grey level for grey level.
    """

    brightness: tuple[float, float]
    contrast: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "brightness", self.brightness, -1, 1)
        check_range(self, "contrast", self.contrast, -1, 10)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`factor` a and `offset` b."""
        factor = 1 + rng.uniform(*self.contrast)
        return {"factor": float(factor), "offset": float(rng.uniform(*self.brightness))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume, brighter or darker, with more contrast or less."""
        factor, shift = np.float32(params["factor"]), np.float32(params["offset"] * 255)
        return _follow(volume, lambda levels: levels.astype(np.float32) * factor + shift)


@dataclass(frozen=True)
class PercentGamma(GreyLevels):
    """Grey level v becomes 255 (v / 255)^g; 100 g is a whole number of `percent`, both ends included.

    In uint8 truncated: as RandomGamma of albumentations 0.4.6, which loses a grey level here and there even at
    g = 1. Unlike `RandomGamma` it does not stretch the contrast first.
    """

    percent: tuple[int, int]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "percent", self.percent, 1, 10000)
        if any(limit != int(limit) for limit in self.percent):
            raise InputError(f"PercentGamma: percent must be two whole numbers, found {self.percent}")
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`gamma` g."""
        return {"gamma": int(rng.integers(*self.percent, endpoint=True)) / 100}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume with its middle grey levels raised (g < 1) or lowered; 0 and 255 stay."""
        return _follow(volume, lambda levels: (levels * LEVEL) ** params["gamma"] * 255)


@dataclass(frozen=True)
class InversePercentGamma(PercentGamma):
    """The same with 1 / g in the place of g: as RandomGamma of albumentations 0.3.1."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`gamma`, the exponent."""
        return {"gamma": 1 / super().draw(rng, shape)["gamma"]}


@dataclass(frozen=True)
class MeanBrightness(GreyLevels):
    """Grey level v becomes v + b m, with b = U(`limits`) and m the volume's mean.

    Clipped, and in uint8 truncated: as RandomBrightness of albumentations 0.3.1.
    """

    limits: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "limits", self.limits, -1, 1)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`share` b."""
        return {"share": float(rng.uniform(*self.limits))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume, brighter or darker by a share of its mean."""
        shift = np.float32(params["share"] * volume.mean())
        return _follow(volume, lambda levels: levels.astype(np.float32) + shift)


def _follow(volume: np.ndarray, curve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The volume with every value sent along the curve, clipped, and truncated where it is uint8."""
    if volume.dtype == np.float32:
        return to_dtype(curve(volume), volume.dtype)
    table = curve(np.arange(256.0)).clip(0, 255).astype(np.uint8)
    return cv2.LUT(volume.reshape(-1, *volume.shape[2:]), table).reshape(volume.shape)
