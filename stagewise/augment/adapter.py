"""Transforms of the volumentations library as steps of a recipe."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from stagewise.augment.transform import (
    Params,
    Transform,
    check_probability,
    check_volume,
    to_dtype,
)
from stagewise.messages.errors import NumericalError


@dataclass(frozen=True)
class FromVolumentations(Transform):
    """A transform of volumentations (PyPI volumentations-3D), for instance `volumentations.GridDropout()`.

    It draws from Python's and NumPy's global generators; both are seeded for the call and put back after
    it, so that the result is a function of the volume and the seed. It is always applied when its turn
    comes: `p` here takes the place of its own. It gets the volume as float32 of 0-255.
    """

    transform: Any
    p: float

    def __post_init__(self) -> None:
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The `seed` of the global generators."""
        return {"seed": int(rng.integers(2**32))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """What the wrapped transform makes of the volume, clipped to 0-255 and in the volume's dtype.

        Raises NumericalError where the result is not finite, InputError where it is no volume any more.
        """
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.seed(params["seed"])
        np.random.seed(params["seed"])  # noqa: NPY002
        try:
            data = self.transform(True, [["image"], ["mask"]], image=volume.astype(np.float32))
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
        result = np.array(data["image"], np.float32, order="C")
        check_volume(result)
        if not np.isfinite(result).all():
            raise NumericalError(f"{self.describe()['wrapped']} gave values that are not finite")
        return to_dtype(result, volume.dtype)

    def describe(self) -> dict[str, Any]:
        """Its name, the wrapped transform written out, and `p`."""
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self.transform).items())
        wrapped = f"{type(self.transform).__name__}({settings})"
        return {"transform": type(self).__name__, "wrapped": wrapped, "p": self.p}
