"""Heat-map videos on disk: for each chosen clip an mp4 and a GIF of the clip, its map, and both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stagewise.data.tables import CLASSES
from stagewise.heatmaps.maps import HeatMapper, coloured, zoomed
from stagewise.messages.progress import progress
from stagewise.pictures.clip_video import write_gif, write_mp4
from stagewise.pictures.panes import ThreePanes
from stagewise.prediction.examples import Example
from stagewise.prediction.inference import InferencePlan
from stagewise.prediction.predict import load_nets
from stagewise.recipes.frames import Prepared
from stagewise.scores.score import is_stalled
from stagewise.volumes.pklz import load_volume

RATE = 15  # frames a second: slow enough to follow red cells by eye
GIF_HEIGHT = 128  # pixels of a pane; noise makes a GIF twice as high four times as large


def write_videos(
    examples: Sequence[Example], plan: InferencePlan, method: str, block: int, threshold: float
) -> list[tuple[Path, Path]]:
    """Write the mp4 and the GIF of each clip, and return their paths; its map is the mean over its folds.

    method: "statistics" or "gradcam", of the answer given; block: the dense block, from 1. Raises InputError for a
    damaged volume. Call `device.prepare` before.
    """
    nets = load_nets(plan, {fold for example in examples for fold in example.folds})
    precision = plan.recipe.answer.openvino_precision
    mappers = {fold: [HeatMapper(net, block, precision) for net in of_fold] for fold, of_fold in nets.items()}
    written = []
    with progress(len(examples), "heat maps", "clips", kept=False) as line:
        for example in examples:
            asked = [mapper for fold in example.folds for mapper in mappers[fold]]
            written.append(_write_video(example, asked, plan.recipe.prepared, method, threshold))
            line.advance()
    return written


def _write_video(
    example: Example, mappers: Sequence[HeatMapper], prepared: Prepared, method: str, threshold: float
) -> tuple[Path, Path]:
    volume = load_volume(example.volume)
    clips, answer = prepared.apply(volume)[None], bool(is_stalled(example.probability, threshold))
    if method == "statistics":
        maps = [mapper.statistics(clips)[0] for mapper in mappers]
        heat = zoomed(np.rint(np.mean(maps, axis=0)).astype(np.uint8), volume.shape[:3])
        legend = "deviation blue, maximum green, mean red"
    else:
        maps = [mapper.gradcam(clips, answer)[0] for mapper in mappers]
        heat = coloured(np.mean(maps, axis=0), volume.shape[:3])
        legend = f"Grad-CAM, what speaks for {CLASSES[answer]}"
    size = "x".join(map(str, mappers[0].shape))
    title = f"{example.title(threshold)}\nclip | {legend} (block {mappers[0].block}, {size} voxels) | both"
    mp4, gif = example.video_paths(method, mappers[0].block)
    write_mp4(mp4, ThreePanes(volume, heat, title), RATE)
    write_gif(gif, ThreePanes(volume, heat, title, GIF_HEIGHT), RATE)
    return mp4, gif
