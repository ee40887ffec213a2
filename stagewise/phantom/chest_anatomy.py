"""Where the parts of one chest lie: lungs, ribs, collar bones, heart, spine, windpipe and body, seen from the front.

All points are (N, 2) float64, x to the right and y down, in units of the image's side. As the film is read, the
patient's right is on the left. Before the pose is applied the midline is x = 0.5.
"""

from dataclasses import dataclass

import numpy as np

from stagewise.phantom.chest_bones import (
    MIDLINE,
    Band,
    draw_collar_bone,
    draw_discs,
    draw_ribs,
    draw_shoulder_blade,
    smooth,
)

SIDES = (-1, 1)  # of the image: the patient's right lung, the left one
# ours, after the films of NIH ChestX-ray14: distance from the midline, and height, from the apex' medial end on
WALL = ((0.06, 0.19), (0.082, 0.135), (0.135, 0.106), (0.2, 0.122), (0.262, 0.19), (0.313, 0.31), (0.341, 0.46))
WALL_BELOW = ((0.353, 0.61), (0.362, 0.755))  # the last is the costophrenic angle
DIAPHRAGM = ((0.362, 0.755), (0.315, 0.685), (0.24, 0.638), (0.15, 0.638), (0.05, 0.69))
HILUM = (0.105, 0.43)
HEART = (
    (0.0, 0.2),
    (0.055, 0.24),
    (0.062, 0.3),
    (0.058, 0.36),
    (0.1, 0.43),
    (0.165, 0.54),
    (0.205, 0.64),
    (0.19, 0.75),
)
HEART_RIGHT = ((0.0, 0.82), (-0.07, 0.74), (-0.085, 0.62), (-0.08, 0.53), (-0.05, 0.44), (-0.045, 0.33), (-0.05, 0.22))
BODY = ((0.095, -0.12), (0.1, 0.0), (0.16, 0.06), (0.32, 0.09), (0.46, 0.13), (0.56, 0.23), (0.6, 0.5))


@dataclass(frozen=True)
class Lung:
    """One side. wall: from the apex' medial end along the chest wall to the costophrenic angle; hilum: (2,)."""

    side: int
    wall: np.ndarray
    diaphragm: np.ndarray
    hilum: np.ndarray

    @property
    def outline(self) -> np.ndarray:
        """All around, also behind the heart."""
        return np.concatenate([self.wall, self.diaphragm])


@dataclass(frozen=True)
class Chest:
    """All parts of one chest after its pose. spine and windpipe are bands; the discs lie between vertebrae."""

    lungs: tuple[Lung, Lung]
    back_ribs: tuple[Band, ...]
    front_ribs: tuple[Band, ...]
    collar_bones: tuple[Band, Band]
    shoulder_blades: tuple[np.ndarray, np.ndarray]
    heart: np.ndarray
    body: np.ndarray
    spine: Band
    discs: tuple[Band, ...]
    windpipe: tuple[Band, ...]
    stomach: tuple[float, float, float, float]  # x, y of the bubble's centre, its half axes
    breasts: tuple[np.ndarray, ...]


class Pose:
    """Draws one patient's build and how the patient stands, and puts points of the standing chest there."""

    def __init__(self, rng: np.random.Generator) -> None:
        turn = np.deg2rad(rng.normal(0, 2))
        self.matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * rng.uniform(1.0, 1.17)
        self.matrix = self.matrix * (rng.uniform(0.93, 1.06), 1)  # broad or slender
        self.shift = rng.uniform((-0.03, 0), (0.03, 0.06))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return (np.asarray(points, float) - (0.5, 0.45)) @ self.matrix.T + (0.5, 0.45) + self.shift


def draw_chest(rng: np.random.Generator) -> Chest:
    """Draw one chest."""
    pose = Pose(rng)
    depth = rng.uniform(-0.03, 0.035)  # how far breathed in
    lungs = tuple(_lung(rng, side, depth) for side in SIDES)
    ribs = [draw_ribs(rng, lung.wall, lung.side, rng.uniform(-0.008, 0.008)) for lung in lungs]
    middle = smooth([(0.5, -0.02), (0.5 + rng.normal(0, 0.006), 0.4), (0.5, 1.15)], 80)
    size = rng.uniform(0.85, 1.12)
    heart = smooth((HEART + HEART_RIGHT + HEART[:1]) * np.array((size, 1)) + rng.normal(0, 0.004, (16, 2)), 90)
    return Chest(
        lungs=tuple(Lung(lung.side, pose(lung.wall), pose(lung.diaphragm), pose(lung.hilum)) for lung in lungs),
        back_ribs=tuple(_posed(pose, band) for back, _ in ribs for band in back),
        front_ribs=tuple(_posed(pose, band) for _, front in ribs for band in front),
        collar_bones=tuple(_posed(pose, draw_collar_bone(rng, side)) for side in SIDES),
        shoulder_blades=tuple(pose(draw_shoulder_blade(rng, side)) for side in SIDES),
        heart=pose(MIDLINE + heart + np.array((0, depth))),
        body=pose(_body(rng)),
        spine=_posed(pose, Band(middle, np.linspace(0.06, 0.085, 80))),
        discs=tuple(_posed(pose, band) for band in draw_discs(rng)),
        windpipe=tuple(_posed(pose, band) for band in _windpipe(rng)),
        stomach=(
            *pose(np.array([[rng.uniform(0.62, 0.72), rng.uniform(0.72, 0.78) + depth]]))[0],
            *rng.uniform(0.02, 0.07, 2),
        ),
        breasts=tuple(pose(outline) for outline in _breasts(rng)),
    )


def _posed(pose: Pose, band: Band) -> Band:
    return Band(pose(band.centreline), band.width)


def _lung(rng: np.random.Generator, side: int, depth: float) -> Lung:
    broad, high = rng.uniform(0.9, 1.06), rng.normal(0, 0.012)
    lift = depth + rng.normal(0, 0.008) - (0.018 if side < 0 else 0)  # the liver holds the right side up
    wall = np.array(WALL + WALL_BELOW) * (broad, 1)
    wall[:4, 1] += high
    wall[-2:, 1] += (0.5 * lift, lift)
    wall[1:-1] += rng.normal(0, 0.003, (len(wall) - 2, 2))
    dome = np.array(DIAPHRAGM) * (broad, 1) + (0, lift)
    dome[1:-1, 1] += rng.normal(0, 0.006) + rng.normal(0, 0.004, len(dome) - 2)
    outward = np.array((side, 1))
    placed = [smooth(wall, 90) * outward, smooth(dome, 40) * outward, np.array(HILUM) * outward]
    wall, dome, hilum = (MIDLINE + points for points in placed)
    return Lung(side, wall, dome, hilum)


def _body(rng: np.random.Generator) -> np.ndarray:
    halves = []
    for side in SIDES:
        path = np.array(BODY) * (rng.uniform(0.92, 1.1), 1) + (0, rng.normal(0, 0.01))
        if rng.random() < 0.5:  # the arm hangs away from the chest, and air lies between
            path = np.concatenate([path[:-2], [(0.57, 0.3), (0.47, 0.48), (0.445, 0.75), (0.46, 1.2)]])
        else:
            path = np.concatenate([path, [(0.62, 1.2)]])
        halves.append(smooth(path, 60) * (side, 1) + MIDLINE)
    return np.concatenate([halves[0], halves[1][::-1]])


def _windpipe(rng: np.random.Generator) -> list[Band]:
    end = np.array((0.5 + rng.normal(-0.008, 0.006), 0.31))
    main = smooth([(0.5, -0.03), (0.498, 0.12), end], 40)
    right = smooth([end, end + np.array((-0.035, 0.045)), end + np.array((-0.075, 0.085))], 20)
    left = smooth([end, end + np.array((0.045, 0.045)), end + np.array((0.095, 0.075))], 20)
    return [Band(main, np.full(40, 0.036)), Band(right, np.full(20, 0.024)), Band(left, np.full(20, 0.02))]


def _breasts(rng: np.random.Generator) -> list[np.ndarray]:
    if rng.random() < 0.5:
        return []
    turn = np.linspace(0, 2 * np.pi, 60)
    wide, high, sunk = rng.uniform(0.13, 0.18), rng.uniform(0.12, 0.17), rng.uniform(0.52, 0.66)
    ellipse = np.stack([wide * np.cos(turn), high * np.sin(turn)], axis=1)
    return [ellipse + np.array((0.5 + side * rng.uniform(0.2, 0.24), sunk + rng.normal(0, 0.01))) for side in SIDES]
