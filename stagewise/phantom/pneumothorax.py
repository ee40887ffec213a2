"""Pockets of air between lung and chest wall: where they lie, how large they are, and the lung's edge that ends them.

A lung that collapses draws back towards the middle; a pocket is what it leaves along a piece of the wall.
"""

from dataclasses import dataclass

import numpy as np

from stagewise.phantom.chest_anatomy import Lung

# quantiles of the union's area in pixels of 1024 x 1024 over the competition's 2,669 positive images
AREA_LEVELS = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
AREAS = (55, 567, 1_364, 4_059, 8_630, 18_388, 45_772, 80_416, 161_421)
# the shares of 1, 2, 3 and 4 objects among them, those of more in the last
OBJECT_SHARES = (0.766, 0.168, 0.042, 0.024)
PLACES = ((0.3, 0.12), (0.55, 0.12), (0.9, 0.06))  # along the wall, mean and deviation: apex, side, base
PLACE_SHARES = (0.5, 0.36, 0.14)
DEEPEST = 0.75  # of the way from the wall to the hilum
LARGEST = 0.055  # square units: about half a lung


@dataclass(frozen=True)
class Pocket:
    """One object. outline: (N, 2) closed; edge: (M, 2), the part of it that is the lung's; side: the lung's."""

    outline: np.ndarray
    edge: np.ndarray
    side: int


def draw_area(rng: np.random.Generator, least: int) -> float:
    """The area of all air of an image, in square units of its side.

    least: pixels of 1024 x 1024; as the real areas that are not below it.
    """
    lowest = np.interp(np.log(max(least, AREAS[0])), np.log(AREAS), AREA_LEVELS)
    level = lowest + (1 - lowest) * rng.random()
    return float(np.exp(np.interp(level, AREA_LEVELS, np.log(AREAS)))) / 1024**2


def draw_pockets(rng: np.random.Generator, lungs: tuple[Lung, Lung], least: int) -> list[Pocket]:
    """The objects of an image that has a pneumothorax: mostly one, else of both sides, or pieces that may overlap.

    least: as for `draw_area`.
    """
    count = 1 + int(rng.choice(len(OBJECT_SHARES), p=OBJECT_SHARES))
    total = draw_area(rng, least)
    count = max(count, int(np.ceil(total / LARGEST)))
    shares = rng.dirichlet(np.full(count, 4.0))
    sides = np.full(count, rng.integers(2))
    if rng.random() < 0.5 or total > LARGEST:
        sides = rng.permutation(2)[np.arange(count) % 2]
    return [draw_pocket(rng, lungs[side], share * total) for side, share in zip(sides, shares, strict=True)]


def draw_pocket(rng: np.random.Generator, lung: Lung, area: float) -> Pocket:
    """One pocket of about this area, in square units of the image's side."""
    place, spread = PLACES[rng.choice(len(PLACES), p=PLACE_SHARES)]
    middle, skew = np.clip(rng.normal(place, spread), 0.05, 0.95), rng.uniform(1.0, 1.8)
    half = np.clip(np.sqrt(area) * rng.uniform(1.1, 2.0), 0.012, 0.55)  # of the wall's length, about 0.75 units
    waves = rng.normal(0, (0.1, 0.07, 0.04)), rng.uniform(0, 2 * np.pi, 3)
    while True:
        pocket = _fitted(lung, area, middle, half, skew, waves)
        if pocket or half > 1.2:
            return pocket or _pocket(lung, *_wall_piece(lung, middle, half, skew, waves), DEEPEST)
        half *= 1.2


def _fitted(lung: Lung, area: float, middle: float, half: float, skew: float, waves: tuple) -> Pocket | None:
    """The pocket of this extent whose depth gives the area; None where it would be too deep."""
    wall, shape = _wall_piece(lung, middle, half, skew, waves)
    shallow, deep = (outline_area(_pocket(lung, wall, shape, part * DEEPEST).outline) for part in (0.5, 1))
    if deep < area:
        return None
    # the area is b x + c x^2 in x, the share of the greatest depth, as the edge's points move along straight lines
    b, c = 4 * shallow - deep, 2 * deep - 4 * shallow
    return _pocket(lung, wall, shape, DEEPEST * 2 * area / (b + np.sqrt(b**2 + 4 * c * area)))


def _wall_piece(lung: Lung, middle: float, half: float, skew: float, waves: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Points of the wall, and how deep the pocket is there, 0-1."""
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(lung.wall, axis=0), axis=1))])
    places = np.linspace(max(middle - half, 0), min(middle + half, 1), 64)
    wall = np.stack([np.interp(places * arc[-1], arc, lung.wall[:, axis]) for axis in (0, 1)], axis=1)
    along = (places - middle) / half
    bump = np.maximum(1 - np.abs(along) ** 2, 0) ** skew
    amplitudes, phases = waves
    ripple = sum(a * np.sin((n + 2) * 2 * along + p) for n, (a, p) in enumerate(zip(amplitudes, phases, strict=True)))
    return wall, bump * np.clip(1 + ripple, 0.5, 1.4) / 1.4


def _pocket(lung: Lung, wall: np.ndarray, shape: np.ndarray, depth: float) -> Pocket:
    # above the hilum towards it, below it nearly level
    sunk = wall[:, 1] - lung.hilum[1]
    aim = np.stack([np.full(len(wall), lung.hilum[0]), lung.hilum[1] + sunk * np.where(sunk < 0, 0.2, 0.8)], axis=1)
    edge = wall + (depth * shape)[:, None] * (aim - wall)
    return Pocket(np.concatenate([wall, edge[::-1]]), edge, lung.side)


def outline_area(outline: np.ndarray) -> float:
    """The area inside a closed outline that does not cross itself (Gauss' formula)."""
    x, y = outline.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)
