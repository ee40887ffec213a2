"""What a transform is, and how a sequence of them is applied to a volume."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from stagewise.messages.errors import InputError

Params = Mapping[str, Any]
NO_PARAMS: Params = {}


class Transform(ABC):
    """One step of an augmentation: `draw` is all of its chance, `apply` is a pure function.

    A subclass is a frozen dataclass of the ranges to draw from and of `p`, the probability that `augment`
    applies it. Volumes are (T, H, W, 3), or (T, H, W, 1) where they are grey, uint8 or float32 of 0-255; the
    dtype is kept, results are rounded to the nearest grey level (uint8; truncated where a class says so) and
    clipped to 0-255, the input is left as it was and the result is C-contiguous.
    """

    p: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Parameters of one application to a volume of `shape`; the same `apply` replays them."""
        return NO_PARAMS

    @abstractmethod
    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The transformed volume; it depends on nothing but the arguments."""

    def apply_to_mask(self, mask: np.ndarray, params: Params) -> np.ndarray:
        """The mask that belongs to the transformed volume: moved as it is, its values kept.

        mask: (T, H, W, 1) uint8. Raises InputError where the transform knows of no masks.
        """
        raise InputError(f"{type(self).__name__} moves no masks; take it out of the recipe's augmentation")

    def describe(self) -> dict[str, Any]:
        """Name and parameters as plain values, for config.json."""
        return {"transform": type(self).__name__, **dataclasses.asdict(self)}


class GreyLevels(Transform):
    """A transform that changes grey levels alone, and leaves every pixel where it is."""

    def apply_to_mask(self, mask: np.ndarray, params: Params) -> np.ndarray:
        """The mask as it is."""
        return mask


def augment(volume: np.ndarray, transforms: Iterable[Transform], rng: np.random.Generator) -> np.ndarray:
    """Apply `transforms` in their order, each with its probability.

    Every transform draws from a generator of its own, seeded from `rng`: what one of them draws, and how
    much, changes no other's chance, and `rng` moves by the number of transforms alone.

    volume: (T, H, W, 3), or (T, H, W, 1) where it is grey; uint8, or float32 of 0-255.
    Returns: (T', H', W', C) of the same dtype, C-contiguous, sharing no memory with `volume`.
    Raises InputError for another shape or dtype.
    """
    check_volume(volume)
    result = volume
    for transform, own in _chosen(transforms, rng):
        result = transform.apply(result, transform.draw(own, result.shape))
    return result.copy(order="C") if np.may_share_memory(result, volume) else result


def augment_with_mask(
    volume: np.ndarray, mask: np.ndarray, transforms: Iterable[Transform], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`augment`, and what becomes of a mask by the same draws.

    mask: (T, H, W, 1) uint8. Returns: the volume of `augment`, and its mask.
    """
    check_volume(volume)
    for transform, own in _chosen(transforms, rng):
        params = transform.draw(own, volume.shape)
        volume, mask = transform.apply(volume, params), transform.apply_to_mask(mask, params)
    return volume, mask


def _chosen(
    transforms: Iterable[Transform], rng: np.random.Generator
) -> Iterator[tuple[Transform, np.random.Generator]]:
    """The transforms that chance applies, each with its own generator."""
    transforms = tuple(transforms)
    for transform, seed in zip(transforms, rng.integers(2**63, size=len(transforms)), strict=True):
        own = np.random.default_rng(seed)
        if own.random() < transform.p:
            yield transform, own


def check_volume(volume: np.ndarray) -> None:
    """Raise InputError unless the array is a volume: (T, H, W, 3 or 1), uint8 or float32, no axis empty."""
    if volume.ndim != 4 or volume.shape[3] not in (1, 3) or 0 in volume.shape:
        raise InputError(f"a volume is (T, H, W, 3 or 1) with at least one frame and pixel, found shape {volume.shape}")
    if volume.dtype not in (np.uint8, np.float32):
        raise InputError(f"a volume is uint8, or float32 of 0-255, found {volume.dtype}; convert it with .astype")


def check_probability(transform: Transform) -> None:
    """Raise InputError unless `p` is a probability."""
    check_number(transform, "p", transform.p, 0, 1)


def check_number(transform: Transform, name: str, value: float, low: float, high: float) -> None:
    """Raise InputError unless `value` is finite and in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{type(transform).__name__}: {name} must be from {low} to {high}, found {value}")


def check_range(transform: Transform, name: str, limits: tuple[float, float], low: float, high: float) -> None:
    """Raise InputError unless `limits` are two numbers in [low, high], the smaller one first."""
    if len(limits) != 2 or not limits[0] <= limits[1]:
        raise InputError(f"{type(transform).__name__}: {name} must be (lowest, highest), found {limits}")
    for value in limits:
        check_number(transform, name, value, low, high)


def to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Float grey levels as `dtype`: clipped to 0-255, never wrapped, and rounded where `dtype` is uint8.

    values: floating point, any shape; overwritten.
    """
    np.clip(values, 0, 255, out=values)
    if dtype == np.uint8:
        np.rint(values, out=values)
    return np.ascontiguousarray(values, dtype=dtype)
