"""A turn by a given number of quarters."""

from dataclasses import dataclass

import numpy as np

from stagewise.augment.planes import RotateQuarters
from stagewise.augment.transform import NO_PARAMS, Params, Transform, check_probability
from stagewise.messages.errors import InputError


@dataclass(frozen=True)
class Turn(Transform):
    """Turn every frame by `quarters` (1, 2 or 3) counterclockwise; 2 is the flip of rows and columns at once."""

    quarters: int
    p: float

    def __post_init__(self) -> None:
        if self.quarters not in (1, 2, 3):
            raise InputError(f"Turn: quarters must be 1, 2 or 3, found {self.quarters}")
        check_probability(self)

    def apply(self, volume: np.ndarray, params: Params = NO_PARAMS) -> np.ndarray:
        """Each frame as np.rot90 would turn it."""
        return RotateQuarters(p=1).apply(volume, {"turns": self.quarters})
