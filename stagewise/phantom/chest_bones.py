"""The bones of a chest, seen from the front: bands along smooth curves, in units of the image's side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

RIBS = 10  # that show
MIDLINE = np.array((0.5, 0.0))


@dataclass(frozen=True)
class Band:
    """A bone: its centreline and its width at each of its points."""

    centreline: np.ndarray
    width: np.ndarray

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """The two sides, both in the centreline's direction."""
        along = np.gradient(self.centreline, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
        half = normal * self.width[:, None] / 2
        return self.centreline - half, self.centreline + half


def smooth(points: Sequence[tuple[float, float]] | np.ndarray, count: int = 48) -> np.ndarray:
    """A cubic spline through the points, at `count` places."""
    points = np.asarray(points, float)
    chord = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(chord, points)(np.linspace(0, chord[-1], count))


def draw_ribs(rng: np.random.Generator, wall: np.ndarray, side: int, shift: float) -> tuple[list[Band], list[Band]]:
    """One side's ribs behind, from the spine to the wall, and in front, from the wall towards the breastbone."""
    lateral = wall[np.argmin(wall[:, 1]) :]
    spacing, back, front = rng.uniform(0.054, 0.062), [], []
    for number in range(RIBS):
        top = 0.14 + shift + spacing * number + rng.normal(0, 0.002)
        drop = 0.035 + 0.0105 * number + rng.normal(0, 0.004)
        reach = abs(np.interp(top + drop, lateral[:, 1], lateral[:, 0]) - 0.5) + 0.004
        path = [
            (0.04, top + 0.01),
            (0.04 + 0.33 * (reach - 0.04), top - 0.01),
            (0.74 * reach + 0.01, top + 0.26 * drop),
        ]
        path += [(0.95 * reach, top + 0.68 * drop), (reach, top + drop)]
        width = rng.uniform(0.019, 0.025)
        back.append(_rib(path, side, np.full(48, width)))
        sunk = top + drop + 0.075 + 0.004 * number
        path = [
            (reach, top + drop),
            (0.975 * reach, top + drop + 0.024),
            (0.86 * reach, sunk - 0.022),
            (0.62 * reach, sunk),
            (0.36 * reach + 0.01, sunk + 0.018),
        ]
        front.append(_rib(path, side, np.linspace(0.8, 1.35, 48) * width))
    return back, front[1:8]


def _rib(path: list[tuple[float, float]], side: int, width: np.ndarray) -> Band:
    return Band(smooth(path) * (side, 1) + MIDLINE, width)


def draw_collar_bone(rng: np.random.Generator, side: int) -> Band:
    """One side's."""
    path = np.array([(0.028, 0.205), (0.1, 0.178), (0.2, 0.15), (0.3, 0.098), (0.4, 0.09)]) + np.array(
        (0, rng.normal(0, 0.012))
    )
    path[1:, 1] += np.linspace(0, 1, 4) * rng.normal(-0.01, 0.02)
    return Band(
        smooth(path) * (side, 1) + MIDLINE,
        np.interp(np.linspace(0, 1, 48), (0, 0.15, 0.6, 1), (0.036, 0.024, 0.022, 0.03)),
    )


def draw_shoulder_blade(rng: np.random.Generator, side: int) -> np.ndarray:
    """The outline of one side's."""
    path = [(0.42, 0.14), (0.33, 0.16), (0.29, 0.24), (0.31, 0.4), (0.345, 0.5), (0.37, 0.4), (0.4, 0.27), (0.44, 0.2)]
    return smooth(np.array(path) + rng.normal((0.025, 0), (0.02, 0.015)), 60) * (side, 1) + MIDLINE


def draw_discs(rng: np.random.Generator) -> list[Band]:
    """The discs between the vertebrae, from the neck down."""
    spacing = rng.uniform(0.043, 0.05)
    heights = np.arange(0.02, 1.0, spacing)
    return [Band(np.array([(0.468, y), (0.5, y + 0.003), (0.532, y)]), np.full(3, 0.008)) for y in heights]
