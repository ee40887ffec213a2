"""Noise as albumentations 0.4.6 makes it: truncated, the same in every frame, multiplied."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.augment.intensity import NormalNoise, add_whole_noise, normal_quantiles, random_words
from stagewise.augment.transform import Params, Transform, check_probability, check_range, to_dtype


@dataclass(frozen=True)
class TruncatedNoise(Transform):
    """Add independent normal noise to every value; its variance is U(`variance`) squared grey levels.

    A uint8 result is truncated, not rounded, which lowers the mean by half a grey level: as GaussNoise of
    albumentations 0.4.6 does.
    """

    variance: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "variance", self.variance, 0, 255**2)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`std` in grey levels, and the `seed` of the noise."""
        return {"std": math.sqrt(rng.uniform(*self.variance)), "seed": int(rng.integers(2**63))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The noisy volume, clipped and truncated."""
        rng = np.random.default_rng(params["seed"])
        if volume.dtype == np.uint8:
            # a whole grey level plus noise, truncated, is the level plus the noise rounded down
            return add_whole_noise(volume, np.floor(normal_quantiles() * params["std"]), rng)
        noise = rng.standard_normal(volume.shape, np.float32) * np.float32(params["std"])
        return to_dtype(volume + noise, volume.dtype)


@dataclass(frozen=True)
class SharedNoise(NormalNoise):
    """Add one field of normal noise, in whole grey levels, to every frame and channel.

    As IAAAdditiveGaussianNoise of albumentations 0.4.6 on an image whose channels are the frames.
    """

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The noisy volume, clipped."""
        field = np.rint(np.random.default_rng(params["seed"]).normal(0, params["std"], volume.shape[1:3]))
        field = np.repeat(field.astype(np.int16)[..., np.newaxis], volume.shape[3], axis=2)
        noisy = np.empty(volume.shape, volume.dtype)
        depth = cv2.CV_8U if volume.dtype == np.uint8 else cv2.CV_32F
        for frame, target in zip(volume, noisy, strict=True):
            cv2.add(frame, field, dst=target, dtype=depth)
        return noisy if volume.dtype == np.uint8 else to_dtype(noisy, volume.dtype)


@dataclass(frozen=True)
class MultiplicativeNoise(Transform):
    """Multiply every value by a factor of its own, U(`factor`); clipped, and in uint8 truncated.

    As MultiplicativeNoise of albumentations 0.4.6 with per_channel and elementwise, frames being its channels.
    A factor has 16 random bits.
    """

    factor: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "factor", self.factor, 0, 255)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The `seed` of the factors."""
        return {"seed": int(rng.integers(2**63))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The noisy volume."""
        rng = np.random.default_rng(params["seed"])
        noisy = np.empty(volume.shape, volume.dtype)
        for frame, target in zip(volume, noisy, strict=True):
            product = self.factors(rng, frame.shape)
            product *= frame
            target[...] = np.minimum(product, 255, out=product)
        return noisy

    def factors(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """The next frame's factors, float32 of `shape`."""
        factors = random_words(rng, shape).astype(np.float32)
        factors *= np.float32((self.factor[1] - self.factor[0]) / 2**16)
        factors += np.float32(self.factor[0])
        return factors
