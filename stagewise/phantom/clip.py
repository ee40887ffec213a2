"""One phantom clip, planned as a pure function of (settings, index, stalled): all chance that is not noise."""

from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.phantom import anatomy
from stagewise.phantom.anatomy import Vessel
from stagewise.phantom.appearance import PLAIN, Appearance, Half, drawn, varied

# quantiles of num_frames over the 573,048 real training videos
FRAME_LEVELS = (0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 0.9999, 1)
FRAME_COUNTS = (17, 24, 26, 34, 49, 56, 66, 94, 128, 182, 247, 434)
# the real projects and their shares
PROJECTS = "ACDEFGHIJKLM"
PROJECT_SHARES = (0.2504, 0.117, 0.0357, 0.0555, 0.1061, 0.1431, 0.1295, 0.0381, 0.0088, 0.0473, 0.0008, 0.0677)
NARROW_SHARE = 0.02  # of the real videos are 418x384
INTRUDERS_KEPT = 0.15  # ours: of the other vessels that would reach into the outline
LARGEST_BOX = (335, 448)  # height, width of the largest real crop


@dataclass(frozen=True)
class Settings:
    """What every clip of a data set shares: the seed, the number of projects, and the noise (1 is clear).

    hard: every clip draws its appearance, of which `half` keeps to a half of each range.
    """

    seed: int
    projects: int = len(PROJECTS)
    difficulty: float = 1.0
    hard: bool = False
    half: Half | None = None


@dataclass(frozen=True)
class Facts:
    """What the tables say of a clip: its frames, its size in pixels, and its project."""

    frames: int
    height: int
    width: int
    project: str


@dataclass(frozen=True)
class Clip:
    """All that is drawn. `outline` is (M, 2) x, y in pixels; speeds are pixels a frame, 0 for a stall."""

    facts: Facts
    target: Vessel
    target_speed: float
    surroundings: tuple[tuple[Vessel, float], ...]
    crossings: tuple[tuple[Vessel, float], ...]
    outline: np.ndarray
    haze: float
    gain: float
    look: Appearance


def clip_facts(settings: Settings, index: int) -> Facts:
    """Frames, size and project of a clip; independent of its label."""
    rng = np.random.default_rng([settings.seed, 2, index])
    frames = round(float(np.exp(np.interp(rng.random(), FRAME_LEVELS, np.log(FRAME_COUNTS)))))
    width = 418 if rng.random() < NARROW_SHARE else 512
    shares = np.array(PROJECT_SHARES[: settings.projects])
    return Facts(frames, 384, width, PROJECTS[rng.choice(len(shares), p=shares / shares.sum())])


def plan_clip(settings: Settings, index: int, stalled: bool) -> Clip:
    """Draw a clip. The label decides one thing alone: whether the target's red cells move."""
    facts = clip_facts(settings, index)
    look = varied(drawn(settings.seed, index, settings.half)) if settings.hard else PLAIN
    rng = np.random.default_rng([settings.seed, 3, index])
    target, outline = _target(rng, facts, look)
    speed = rng.uniform(*look.speed) * rng.choice((-1, 1))
    surroundings = [_neighbour(rng, facts, look) for _ in range(rng.integers(24, 44))]
    spots = [_spot(rng, facts) for _ in range(rng.integers(10, 30))]
    kept = [
        (vessel, pace)
        for vessel, pace in surroundings + spots
        if rng.random() < INTRUDERS_KEPT or not _intrudes(vessel, outline)
    ]
    style = np.random.default_rng([settings.seed, 5, ord(facts.project)])  # a project is one microscope
    return Clip(
        facts=facts,
        target=target,
        target_speed=0.0 if stalled else speed,
        surroundings=tuple(kept),
        crossings=_crossings(np.random.default_rng([settings.seed, 8, index]), target, look),
        outline=outline,
        haze=style.uniform(*look.haze) * rng.uniform(*look.between_clips),
        gain=style.uniform(*look.gain) * rng.uniform(*look.between_clips) * settings.difficulty,
        look=look,
    )


def _target(rng: np.random.Generator, facts: Facts, look: Appearance) -> tuple[Vessel, np.ndarray]:
    radius = rng.uniform(*look.radius)
    # ours: this length and the outline's distances give crops of about the real mean, 66.6 x 68.0
    length = np.clip(rng.lognormal(np.log(52), 0.5), look.shortest, 420)
    shape = anatomy.random_centreline(rng, length, _heading(rng), look.tortuosity)
    outline = anatomy.outline_around(rng, shape, radius, look)
    while np.any(np.ptp(outline, axis=0) > (LARGEST_BOX[1] - 4, LARGEST_BOX[0] - 4)) or np.any(
        np.ptp(outline, axis=0) > (facts.width - 12, facts.height - 12)
    ):
        shape = shape[: int(len(shape) * 0.8)]
        outline = anatomy.outline_around(rng, shape, radius, look)
    low, high = outline.min(axis=0) - 5, outline.max(axis=0) + 5
    place = rng.uniform(-low, np.array([facts.width, facts.height]) - high).astype(np.float32)
    share = rng.uniform(*look.focus_share)  # of the frames show the target in focus
    half_width = share * facts.frames / 2
    vessel = Vessel(
        centreline=shape + place,
        radius=radius,
        brightness=rng.uniform(*look.brightness),
        focus_centre=rng.uniform(half_width, facts.frames - half_width),
        focus_half_width=half_width,
        tilt=rng.uniform(-0.1, 0.1) * facts.frames / length,
    )
    return vessel, outline + place


def _heading(rng: np.random.Generator) -> float:
    """Radians; a little more often across the frame than down it, as the real crops are wider than high."""
    angle = rng.uniform(0, 2 * np.pi)
    return float(np.arctan2(np.sin(angle), 1.25 * np.cos(angle)))


def _neighbour(rng: np.random.Generator, facts: Facts, look: Appearance) -> tuple[Vessel, float]:
    length = np.clip(rng.lognormal(np.log(60), 0.5), 15, 250)
    shape = anatomy.random_centreline(rng, length, _heading(rng), look.tortuosity)
    wide = rng.random() < 0.08  # a venule or arteriole: too wide for single red cells to show
    vessel = Vessel(
        centreline=shape + rng.uniform(0, (facts.width, facts.height)).astype(np.float32),
        radius=rng.uniform(6, 11) if wide else rng.uniform(*look.neighbour_radius),
        brightness=rng.uniform(90, 230),
        focus_centre=rng.uniform(-0.1, 1.1) * facts.frames,
        focus_half_width=rng.uniform(0.06, 0.25) * facts.frames,
        tilt=rng.uniform(-0.3, 0.3) * facts.frames / len(shape),
        beaded=not wide,
    )
    moving = rng.random() < 0.8
    return vessel, moving * rng.uniform(*look.neighbour_speed) * rng.choice((-1, 1))


def _crossings(rng: np.random.Generator, target: Vessel, look: Appearance) -> tuple[tuple[Vessel, float], ...]:
    return tuple(_crossing(rng, target, look) for _ in range(rng.poisson(look.crossings)))


def _crossing(rng: np.random.Generator, target: Vessel, look: Appearance) -> tuple[Vessel, float]:
    """A vessel that runs across the target at about the same depth; it flows, or is stalled."""
    at = round(rng.uniform(0.1, 0.9) * (len(target.centreline) - 2))
    step = target.centreline[at + 1] - target.centreline[at]
    heading = np.arctan2(step[1], step[0]) + rng.uniform(0.6, np.pi - 0.6)  # at least 34 degrees between them
    shape = anatomy.random_centreline(rng, rng.uniform(40, 150), heading, look.tortuosity)
    along = round(rng.uniform(0.2, 0.8) * (len(shape) - 1))
    crossing = Vessel(
        centreline=shape - shape[along] + target.centreline[at],
        radius=rng.uniform(*look.neighbour_radius),
        brightness=target.brightness * rng.uniform(0.6, 1.2),
        focus_centre=target.focus_centre + rng.uniform(-1, 1) * target.focus_half_width,
        focus_half_width=target.focus_half_width * rng.uniform(0.3, 1.0),
    )
    moving = rng.random() < 0.6
    return crossing, moving * rng.uniform(*look.neighbour_speed) * rng.choice((-1, 1))


def _spot(rng: np.random.Generator, facts: Facts) -> tuple[Vessel, float]:
    """A bright grain, or a capillary that runs straight along the depth."""
    spot = Vessel(
        centreline=anatomy.random_centreline(rng, rng.uniform(2, 5), _heading(rng))
        + rng.uniform(0, (facts.width, facts.height)).astype(np.float32),
        radius=rng.uniform(1.2, 3.5),
        brightness=rng.uniform(100, 250),
        focus_centre=rng.uniform(0, facts.frames),
        focus_half_width=rng.uniform(0.03, 0.15) * facts.frames,
        beaded=False,
    )
    return spot, 0.0


def _intrudes(vessel: Vessel, outline: np.ndarray) -> bool:
    """Whether part of another vessel would lie within the outline; it is the target's alone."""
    polygon = outline[:, None].astype(np.float32)
    return any(cv2.pointPolygonTest(polygon, point, True) > -vessel.radius for point in vessel.centreline[::6].tolist())
