"""One transform out of several."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stagewise.augment.transform import Params, Transform, check_probability
from stagewise.messages.errors import InputError


@dataclass(frozen=True)
class OneOf(Transform):
    """Apply one of `transforms`, each equally likely.

    The children's own `p` has to be 1: whether anything happens is said by this `p` alone. As OneOf of
    albumentations 0.4.6 with children of equal p.
    """

    transforms: tuple[Transform, ...]
    p: float

    def __post_init__(self) -> None:
        if not self.transforms:
            raise InputError("OneOf: transforms must be at least one transform, found none")
        for transform in self.transforms:
            if transform.p != 1:
                name = type(transform).__name__
                raise InputError(f"OneOf: p of each transform in it must be 1, found {transform.p} of {name}")
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The index `chosen`, and the `params` that this transform drew."""
        chosen = int(rng.integers(len(self.transforms)))
        return {"chosen": chosen, "params": self.transforms[chosen].draw(rng, shape)}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """What the transform `chosen` makes of the volume."""
        return self.transforms[params["chosen"]].apply(volume, params["params"])

    def apply_to_mask(self, mask: np.ndarray, params: Params) -> np.ndarray:
        """What the transform `chosen` makes of the mask."""
        return self.transforms[params["chosen"]].apply_to_mask(mask, params["params"])

    def describe(self) -> dict[str, Any]:
        """Its name, what each of `transforms` says of itself, and `p`."""
        children = [transform.describe() for transform in self.transforms]
        return {"transform": type(self).__name__, "transforms": children, "p": self.p}
