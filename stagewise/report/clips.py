"""Small looping clips with their heat maps, inside the page."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stagewise.heatmaps.mapping import map_clips
from stagewise.heatmaps.videos import RATE
from stagewise.messages.errors import InputError
from stagewise.messages.progress import progress
from stagewise.nets.net import chosen_block
from stagewise.pictures.clip_video import write_mp4
from stagewise.prediction.examples import Example, least_sure, surest
from stagewise.prediction.inference import answering_weights
from stagewise.report.evidence import Evidence
from stagewise.scores.score import is_stalled
from stagewise.volumes.pklz import load_volume

LARGEST_SIDE = 128  # pixels of a pane; a crop of the full data has 67 on average, and 448 at most
MOST_FRAMES = 96  # of 60 on average, and 434 at most
QUALITY = 24  # x264's crf; 20 is half as large again


@dataclass(frozen=True)
class Clip:
    """An example as the page shows it: panes in one video, as a data URI, "" where its volume cannot be read.

    answer: 0 or 1; problem: why there is no video; shown, frames: how many of how many frames; size: of the clip,
    height and width in pixels.
    """

    example: Example
    answer: int
    video: str = ""
    problem: str = ""
    shown: int = 0
    frames: int = 0
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class ClipGroup:
    """Clips shown for one reason."""

    title: str
    text: str
    clips: list[Clip]


def clip_groups(evidence: Evidence, count: int) -> list[ClipGroup]:
    """The surest mistakes and the least sure of the other answers, at most `count` of each.

    Call `device.prepare` before.
    """
    table, threshold = evidence.out_of_fold.table, evidence.out_of_fold.threshold
    mistakes, wrong = surest(table, threshold, count, right=False), int(table["wrong"].sum())
    unsure = least_sure(table[~table["filename"].isin([clip.filename for clip in mistakes])], threshold, count)
    shown = _shown([*mistakes, *unsure], threshold, evidence)
    of_all = f"{wrong} of {len(table)} clips got the wrong answer"
    in_turn = f"{of_all}. These are the surest, called stalled and called flowing in turn."
    nearest = f"The probabilities nearest to the threshold, {threshold:.2f}, but for the mistakes above."
    return [
        ClipGroup("The surest mistakes", in_turn if wrong else f"{of_all}.", shown[: len(mistakes)]),
        ClipGroup("The least sure answers", nearest, shown[len(mistakes) :]),
    ]


def _shown(examples: list[Example], threshold: float, evidence: Evidence) -> list[Clip]:
    """The examples with their videos."""
    problems = {example: problem for example in examples if (problem := _problem(example))}
    whole = [example for example in examples if example not in problems]
    maps, recipe = {}, evidence.recipe
    if recipe.net.map_shapes and whole:
        configs = {run.fold: run.config for run in evidence.trained}
        folds = dict.fromkeys(fold for example in whole for fold in example.folds)
        weights = {fold: answering_weights(recipe, fold, configs[fold]) for fold in folds}
        found = map_clips(whole, recipe, weights, recipe.net.map_method, chosen_block(recipe.net), threshold)
        maps = dict(zip(whole, found, strict=True))
    shown = []
    with progress(len(examples), "clips of the report", "clips", kept=False) as line:
        for example in examples:
            answer = int(is_stalled(example.probability, threshold))
            if example in problems:
                shown.append(Clip(example, answer, problem=problems[example]))
            else:
                volume = load_volume(example.volume)
                heat = maps[example].coloured(volume.shape[:3]) if maps else None
                frames = panes(volume, heat)
                shown.append(Clip(example, answer, data_uri(frames), "", len(frames), len(volume), volume.shape[1:3]))
            line.advance()
    return shown


def _problem(example: Example) -> str:
    """Why its volume cannot be read, or ""."""
    try:
        load_volume(example.volume)
    except InputError as error:
        return str(error)
    return ""


def panes(volume: np.ndarray, heat: np.ndarray | None) -> np.ndarray:
    """The clip, its heat map and their mean, side by side; of a long clip the middle, of a large one a small copy.

    volume, heat: (T, h, w, 3) uint8 BGR; without a map the clip alone. Returns: (at most `MOST_FRAMES`, H, W of all
    panes, 3) uint8 BGR.
    """
    middle = slice(start := max(len(volume) - MOST_FRAMES, 0) // 2, start + MOST_FRAMES)
    shown = [volume[middle]]
    if heat is not None:
        shown += [heat[middle], ((volume[middle].astype(np.uint16) + heat[middle]) // 2).astype(np.uint8)]
    wide = np.concatenate(shown, axis=2)
    scale = LARGEST_SIDE / max(volume.shape[1:3])
    if scale >= 1:
        return wide
    size = (len(shown) * max(round(volume.shape[2] * scale), 1), max(round(volume.shape[1] * scale), 1))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in wide])


def data_uri(frames: np.ndarray) -> str:
    """An mp4 of the frames, as the address of an image inside the page. frames: (T, H, W, 3) uint8 BGR."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, frames, RATE, QUALITY)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
