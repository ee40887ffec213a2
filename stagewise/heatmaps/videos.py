"""Heat-map videos on disk: for each chosen clip an mp4 and a GIF of the clip, its map, and both."""

from collections.abc import Sequence
from pathlib import Path

from stagewise.data.tables import CLASSES
from stagewise.heatmaps.laying import Laid
from stagewise.heatmaps.mapping import map_clips
from stagewise.messages.progress import progress
from stagewise.pictures.clip_video import write_gif, write_mp4
from stagewise.pictures.panes import ThreePanes
from stagewise.prediction.examples import Example
from stagewise.prediction.inference import InferencePlan
from stagewise.scores.score import is_stalled
from stagewise.volumes.pklz import load_volume

RATE = 15  # frames a second: slow enough to follow red cells by eye
GIF_HEIGHT = 128  # pixels of a pane; noise makes a GIF twice as high four times as large


def write_videos(
    examples: Sequence[Example], plan: InferencePlan, method: str, block: int, threshold: float
) -> list[tuple[Path, Path]]:
    """Write the mp4 and the GIF of each clip, and return their paths; see `map_clips` for its map.

    method: "statistics" or "gradcam", of the answer given; block: from 1. Raises InputError for a damaged volume. Call
    `device.prepare` before.
    """
    weights = dict(zip(plan.folds, plan.weights, strict=True))
    maps, written = map_clips(examples, plan.recipe, weights, method, block, threshold), []
    with progress(len(examples), "videos", "clips", kept=False) as line:
        for example, laid in zip(examples, maps, strict=True):
            nets = sum(len(weights[fold]) for fold in example.folds)
            source = f"behind block {block}" + f", mean of {nets} nets" * (nets > 1)
            written.append(_write_video(example, laid, plan.stage, method, block, source, threshold))
            line.advance()
    return written


def _write_video(
    example: Example, laid: Laid, stage: str, method: str, block: int, source: str, threshold: float
) -> tuple[Path, Path]:
    """source: which features, for the title."""
    volume = load_volume(example.volume)
    legend = legend_of(method, int(is_stalled(example.probability, threshold)))
    size = "x".join(map(str, laid.heat.shape[:3]))
    lines = (example.title(threshold), f"clip | {legend} | both", f"{stage}, {source}, {size} voxels")
    heat, title = laid.coloured(volume.shape[:3]), "\n".join(lines)
    mp4, gif = example.video_paths(stage, method, block)
    write_mp4(mp4, ThreePanes(volume, heat, title), RATE)
    write_gif(gif, ThreePanes(volume, heat, title, GIF_HEIGHT), RATE)
    return mp4, gif


def legend_of(method: str, answer: int) -> str:
    """What a map shows, in a few words. answer: 0 or 1, the one that Grad-CAM explains."""
    if method == "statistics":
        return "deviation blue, maximum green, mean red"
    return f"Grad-CAM, what speaks for {CLASSES[answer]}"
