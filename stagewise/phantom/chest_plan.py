"""One chest film planned as a pure function of (seed, index, positive): all chance that is not noise."""

from dataclasses import dataclass

import numpy as np

from stagewise.phantom.chest_anatomy import Chest, draw_chest
from stagewise.phantom.chest_canvas import filled
from stagewise.phantom.chest_film import Film, Lookalikes, draw_film, draw_lookalikes
from stagewise.phantom.chest_vessels import Vessel, lung_vessels
from stagewise.phantom.pneumothorax import Pocket, draw_pockets


@dataclass(frozen=True)
class Plan:
    """All of one film but its noise; `pockets` is empty without a pneumothorax."""

    chest: Chest
    film: Film
    lookalikes: Lookalikes
    vessels: tuple[Vessel, ...]
    pockets: tuple[Pocket, ...]


def plan_film(seed: int, index: int, positive: bool, least_area: int = 0) -> Plan:
    """Draw a film. The answer decides one thing alone: whether there are pockets of air.

    least_area: pixels of 1024 x 1024, of a film's air and of each of its look-alikes.
    """
    chest = draw_chest(np.random.default_rng([seed, 1, index]))
    branching = np.random.default_rng([seed, 2, index])
    of_pockets = np.random.default_rng([seed, 5, index])
    pockets = draw_pockets(of_pockets, chest.lungs, least_area) if positive else []
    return Plan(
        chest=chest,
        film=draw_film(np.random.default_rng([seed, 3, index])),
        lookalikes=draw_lookalikes(np.random.default_rng([seed, 4, index]), chest, least_area),
        vessels=tuple(vessel for lung in chest.lungs for vessel in lung_vessels(branching, lung)),
        pockets=tuple(pockets),
    )


def masks(plan: Plan, side: int) -> list[np.ndarray]:
    """The objects' masks: (side, side) uint8 of 0 and 255 each."""
    return [filled([pocket.outline], side) for pocket in plan.pockets]
