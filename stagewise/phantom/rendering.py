"""A planned clip turned into frames, and the frames into a video file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stagewise.phantom import anatomy, flow, imaging, video
from stagewise.phantom.anatomy import Vessel
from stagewise.phantom.appearance import Appearance
from stagewise.phantom.clip import Clip, Facts, Settings, plan_clip


def render(settings: Settings, index: int, clip: Clip) -> Iterator[np.ndarray]:
    """The clip's frames without the outline: (height, width) uint8 luma of video range each."""
    facts = clip.facts
    rng = np.random.default_rng([settings.seed, 4, index])
    look, size = clip.look, (facts.frames, facts.height, facts.width)
    vessels = [(clip.target, clip.target_speed), *clip.surroundings]
    parts = [_sharp_part(rng, together, facts, look) for together in (vessels, clip.crossings) if together]
    everything = [vessel for vessel, _ in (*vessels, *clip.crossings)]
    layers = imaging.haze_layers(rng, everything, size, clip.haze, look)
    microscope = imaging.Microscope(settings.seed, layers, clip.gain, facts.height, facts.width, look)
    flicker = np.clip(1 + look.flicker * rng.standard_normal(facts.frames), 0.8, 1.2).astype(np.float32)
    shifts = _motion(rng, facts.frames, look) @ (facts.width, 1)
    for number in range(facts.frames):
        sharp = [
            (pixels + shifts[number], profiles[number][places] * (weights * flicker[number]))
            for pixels, places, weights, profiles in parts
        ]
        yield microscope.frame(rng, number, sharp, float(flicker[number]))


def _sharp_part(
    rng: np.random.Generator, vessels: Sequence[tuple[Vessel, float]], facts: Facts, look: Appearance
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All vessels' pixels, their places in one long profile, their weights, and that profile for each frame.

    Where vessels cross, a pixel belongs to the first of them, so the target comes first.
    """
    streams = rng.spawn(len(vessels))
    tubes = [anatomy.tube_pixels(vessel, facts.height, facts.width, look) for vessel, _ in vessels]
    profiles = [
        flow.intensity(stream, vessel, facts.frames, speed, look)
        for stream, (vessel, speed) in zip(streams, vessels, strict=True)
    ]
    starts = np.cumsum([0] + [profile.shape[1] for profile in profiles[:-1]])
    pixels = np.concatenate([tube[0] for tube in tubes])
    places = np.concatenate([tube[1] + start for tube, start in zip(tubes, starts, strict=True)])
    weights = np.concatenate([tube[2] for tube in tubes])
    pixels, first = np.unique(pixels, return_index=True)
    return pixels, places[first], weights[first], np.concatenate(profiles, axis=1)


def _motion(rng: np.random.Generator, frames: int, look: Appearance) -> np.ndarray:
    """Small motion of the living brain: (frames, 2) whole pixels, y and x, within the reach to either side."""
    drift = np.cumsum(rng.normal(0, look.drift, (frames, 2)), axis=0)
    return np.clip(np.round(drift - drift.mean(axis=0)), -look.reach, look.reach).astype(np.int64)


def write_clip(settings: Settings, index: int, stalled: bool, path: Path) -> None:
    """Plan, render and encode one clip to `path` (an mp4 file), the same bytes wherever it is made."""
    clip = plan_clip(settings, index, stalled)
    alpha = anatomy.outline_alpha(clip.outline, clip.facts.height, clip.facts.width, clip.look.outline_width)
    video.write_video(path, render(settings, index, clip), alpha, clip.look)
