"""What of a chest film tells nothing of its answer: exposure, look-alikes of air, marker, wires, the beam's edge."""

from dataclasses import dataclass

import numpy as np

from stagewise.phantom.chest_anatomy import Chest
from stagewise.phantom.chest_bones import smooth
from stagewise.phantom.pneumothorax import Pocket, draw_area, draw_pocket

LINE_CHANCE, DARK_CHANCE, BARE_CHANCE, FOLD_CHANCE = 0.25, 0.25, 0.15, 0.25  # with and without a pneumothorax alike
AP_SHARE = 0.4  # of the films of NIH ChestX-ray14


@dataclass(frozen=True)
class Lookalikes:
    """Each has one sign of air and not the others: (N, 2) lines, outlines and folds in units of the image's side.

    lines: as thin and bright as a lung's edge, with vessels beyond; dark: nearly as dark as air, with vessels and no
    edge; bare: without vessels, without an edge, and no darker; folds: of skin, a step, bright on one side.
    """

    lines: tuple[np.ndarray, ...]
    dark: tuple[np.ndarray, ...]
    bare: tuple[np.ndarray, ...]
    folds: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Film:
    """How a film was taken. lung, body: grey levels of 0-1; noise: deviation at mid grey; blur: pixels of 1024."""

    lung: float
    body: float
    gamma: float
    noise: float
    blur: float
    rib_contrast: float
    vessel_contrast: float
    fat: float
    slope: tuple[float, float]
    border: tuple[float, float, float, float]  # from left, top, right, bottom; units of the image's side
    border_grey: float
    view: str  # PA or AP
    marker: str
    marker_place: tuple[float, float]
    tubes: tuple[np.ndarray, ...]
    electrodes: tuple[tuple[float, float], ...]


def draw_film(rng: np.random.Generator) -> Film:
    """Draw one film's looks."""
    lung = rng.uniform(0.2, 0.5)
    bordered = rng.random(4) < 0.25
    view = "AP" if rng.random() < AP_SHARE else "PA"
    return Film(
        lung=lung,
        body=rng.uniform(max(0.72, lung + 0.35), 0.96),
        gamma=rng.uniform(0.8, 1.25),
        noise=rng.uniform(0.008, 0.03),
        blur=rng.uniform(0.6, 1.4),
        rib_contrast=rng.uniform(0.6, 1.25),
        vessel_contrast=rng.uniform(0.75, 1.3),
        fat=rng.uniform(0, 1),
        slope=tuple(rng.normal(0, 0.04, 2)),
        border=tuple(bordered * rng.uniform(0.005, 0.035, 4)),
        border_grey=float(rng.choice((0.0, 0.02, 1.0))),
        view=view,
        marker=str(rng.choice(("L", "L", "R", view))),
        marker_place=(rng.uniform(0.84, 0.92), rng.uniform(0.05, 0.12)),
        tubes=_tubes(rng),
        electrodes=_electrodes(rng),
    )


def draw_lookalikes(rng: np.random.Generator, chest: Chest, least: int) -> Lookalikes:
    """Draw what looks like air and is none; nothing here knows the answer. least: as for `draw_area`."""
    lines, dark, bare = (_drawn(rng, chest, chance, least) for chance in (LINE_CHANCE, DARK_CHANCE, BARE_CHANCE))
    folds = tuple(_fold(rng, chest) for _ in range(int(rng.random() < FOLD_CHANCE)))
    return Lookalikes(
        lines=tuple(pocket.edge for pocket in lines),
        dark=tuple(pocket.outline for pocket in dark),
        bare=tuple(pocket.outline for pocket in bare),
        folds=folds,
    )


def _drawn(rng: np.random.Generator, chest: Chest, chance: float, least: int) -> list[Pocket]:
    count = int(rng.random() < chance)
    return [draw_pocket(rng, chest.lungs[rng.integers(2)], min(draw_area(rng, least), 0.05)) for _ in range(count)]


def _fold(rng: np.random.Generator, chest: Chest) -> np.ndarray:
    lung = chest.lungs[rng.integers(2)]
    first, last = np.sort(rng.uniform(0.25, 1, 2))
    wall = lung.wall[round(first * 60) : round(last * 60) + 28]
    return smooth(wall[:: max(len(wall) // 4, 1)] + rng.uniform(0.1, 0.6) * (lung.hilum - wall.mean(axis=0)), 40)


def _tubes(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Catheters and wires of electrodes, in one film of four."""
    if rng.random() > 0.25:
        return ()
    tubes = []
    for _ in range(rng.integers(1, 4)):
        start, end = rng.uniform((0.1, -0.02), (0.9, 0.15)), rng.uniform((0.25, 0.35), (0.75, 1.0))
        bends = np.linspace(start, end, 5)
        bends[1:-1] += rng.normal(0, 0.04, (3, 2))
        tubes.append(smooth(bends, 60))
    return tuple(tubes)


def _electrodes(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    count = int(rng.integers(1, 4)) if rng.random() < 0.2 else 0
    return tuple((rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)) for _ in range(count))
