"""Red cells in a vessel: dark gaps in bright plasma, how they move, and when they are in focus."""

import numpy as np

from stagewise.phantom.anatomy import ARC_STEP, Vessel
from stagewise.phantom.appearance import PLAIN, Appearance

SAMPLES_PER_POINT = 2  # the pattern is finer than the centreline: 0.25 px
SAMPLE = ARC_STEP / SAMPLES_PER_POINT
SURGE_FRAMES = (6.0, 40.0)  # ours: between a heartbeat and a slow change of pressure


def red_cell_pattern(rng: np.random.Generator, length: float, look: Appearance = PLAIN) -> np.ndarray:
    """Plasma (1) with dark gaps (in the plain phantom 0.05-0.2) of irregular lengths and spacing.

    length: pixels. Returns (length / SAMPLE,) float32, `SAMPLE` pixels a sample. Irregular, so that no displacement
    between two frames maps the pattern onto itself.
    """
    pattern = np.ones(int(np.ceil(length / SAMPLE)), np.float32)
    pairs = int(length / (look.plasma[0] + look.gap[0])) + 2
    plasma, gaps = rng.uniform(*look.plasma, pairs), rng.uniform(*look.gap, pairs)
    starts = np.cumsum(plasma + gaps) - gaps - rng.uniform(0, 10)
    for start, gap, light in zip(starts, gaps, rng.uniform(*look.gap_light, pairs), strict=True):
        pattern[max(int(start / SAMPLE), 0) : max(int((start + gap) / SAMPLE), 0)] = light
    kernel = np.hanning(2 * round(look.gap_edge / SAMPLE) + 1)[1:-1]  # about as wide as the edge
    return np.convolve(pattern, kernel / kernel.sum(), mode="same").astype(np.float32)


def displacement(rng: np.random.Generator, frames: int, speed: float, look: Appearance = PLAIN) -> np.ndarray:
    """How far the red cells have moved along the vessel at each frame.

    speed: pixels a frame, its sign the direction; 0 is a stall, where only a jitter of a fraction of a pixel
    is left. Returns (frames,) float64 in pixels. The same numbers are drawn for every speed.
    """
    pulse = 1 + look.pulse * rng.standard_normal(frames)
    jitter = look.jitter * np.clip(rng.standard_normal(frames), -2, 2)
    if look.surge:
        period, phase = rng.uniform(*SURGE_FRAMES), rng.uniform(0, 2 * np.pi)
        pulse += look.surge * np.sin(2 * np.pi * np.arange(frames) / period + phase)
    return np.cumsum(speed * pulse) + jitter


def focus(vessel: Vessel, frames: int) -> np.ndarray:
    """How much each point of a vessel is in focus as the depth advances with time.

    Returns (frames, N) float32 of 0-1: flat while in focus, then falling off; one half at `focus_half_width`
    frames from the centre.
    """
    middle = vessel.arc_lengths[-1] / 2
    centre = vessel.focus_centre + vessel.tilt * (vessel.arc_lengths - middle)
    distance = (np.arange(frames)[:, None] - centre[None]).astype(np.float32) / np.float32(vessel.focus_half_width)
    distance *= distance  # squared twice: numpy's general power is ten times slower
    distance *= distance
    return np.exp(distance * np.float32(-np.log(2)))


def intensity(
    rng: np.random.Generator, vessel: Vessel, frames: int, speed: float, look: Appearance = PLAIN
) -> np.ndarray:
    """Grey levels along a vessel over time: plasma, red-cell gaps at their places, and focus.

    Returns (frames, N) float32. The random numbers drawn do not depend on the sign or size of `speed`
    except through the length of the pattern, which is drawn from a generator of its own.
    """
    moved = displacement(rng, frames, speed, look)
    pattern_rng = np.random.default_rng(rng.integers(2**32))
    seen = focus(vessel, frames) * vessel.brightness
    if not vessel.beaded:
        return seen
    moved -= moved.min()
    pattern = red_cell_pattern(pattern_rng, vessel.arc_lengths[-1] + moved.max() + 4, look)
    starts = np.round((moved.max() - moved) / SAMPLE).astype(np.int64)
    places = starts[:, None] + np.arange(len(vessel.centreline))[None] * SAMPLES_PER_POINT
    return seen * pattern[places]
