"""The vessels of a lung: trees that leave the hilum, branch, and thin out towards the chest wall."""

import numpy as np

from stagewise.phantom.chest_anatomy import Lung

STEP = 0.013  # of the image's side, between two points of a vessel
THINNEST = 0.0013  # about a pixel of 1024

Vessel = tuple[np.ndarray, np.ndarray]  # its (N, 2) points, its (N,) widths


def lung_vessels(rng: np.random.Generator, lung: Lung) -> list[Vessel]:
    """Draw one lung's trees, the widest vessels last; in units of the image's side."""
    vessels: list[Vessel] = []
    count = int(rng.integers(8, 12))
    headings = np.linspace(-1.5, 1.6, count) + rng.normal(0, 0.1, count)  # radians from straight outwards, down is up
    for heading in headings:
        start = lung.hilum + rng.normal(0, (0.008, 0.028))
        width = rng.uniform(0.005, 0.0105) * (1.15 if heading > 0 else 0.85)  # blood sinks
        _grow(rng, start, heading, width, lung.side, vessels)
    return sorted(vessels, key=lambda vessel: vessel[1][0])


def _grow(
    rng: np.random.Generator, start: np.ndarray, heading: float, width: float, side: int, vessels: list[Vessel]
) -> None:
    """Add a vessel and, at some of its points, its branches."""
    count = 4 + int(17 * min(width / 0.009, 1))
    headings = heading + np.cumsum(rng.normal(0, 0.1, count)) + rng.normal(0, 0.03)
    steps = np.stack([side * np.cos(headings), np.sin(headings)], axis=1) * STEP
    points = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    widths = np.linspace(width, 0.25 * width, count + 1)
    vessels.append((points, widths))
    sign = rng.choice((-1, 1))
    for place in range(3, count, 3):
        thinner = widths[place] * rng.uniform(0.45, 0.8)
        if thinner > THINNEST:
            sign = -sign
            _grow(rng, points[place], headings[place] + sign * rng.uniform(0.35, 0.9), thinner, side, vessels)
