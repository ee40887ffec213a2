"""Small looping clips with their heat maps, inside the page."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stagewise.folds import runs
from stagewise.heatmaps.maps import HeatMapper, zoomed
from stagewise.heatmaps.videos import RATE
from stagewise.machine import device
from stagewise.messages.errors import InputError
from stagewise.messages.progress import progress
from stagewise.nets.net import chosen_block
from stagewise.pictures.clip_video import write_mp4
from stagewise.prediction.ensemble import load_fused
from stagewise.prediction.examples import Example, least_sure, surest
from stagewise.recipes.frames import Prepared
from stagewise.recipes.recipe import Recipe
from stagewise.report.evidence import Evidence
from stagewise.report.training import Run
from stagewise.scores.score import is_stalled
from stagewise.volumes.pklz import load_volume

LARGEST_SIDE = 128  # pixels of a pane; a crop of the full data has 67 on average, and 448 at most
MOST_FRAMES = 96  # of 60 on average, and 434 at most
QUALITY = 24  # x264's crf; 20 is half as large again

Mapper = tuple[HeatMapper, Prepared]  # and what is done to a clip before


@dataclass(frozen=True)
class Clip:
    """An example as the page shows it: three panes in one video, as a data URI, "" where its volume cannot be read.

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
    mappers: dict[int, Mapper] = {}
    shown = []
    with progress(len(mistakes) + len(unsure), "clips of the report", "clips", kept=False) as line:
        for example in (*mistakes, *unsure):
            shown.append(_shown(example, threshold, evidence, mappers))
            line.advance()
    of_all = f"{wrong} of {len(table)} clips got the wrong answer"
    in_turn = f"{of_all}. These are the surest, called stalled and called flowing in turn."
    nearest = f"The probabilities nearest to the threshold, {threshold:.2f}, but for the mistakes above."
    return [
        ClipGroup("The surest mistakes", in_turn if wrong else f"{of_all}.", shown[: len(mistakes)]),
        ClipGroup("The least sure answers", nearest, shown[len(mistakes) :]),
    ]


def _shown(example: Example, threshold: float, evidence: Evidence, mappers: dict[int, Mapper]) -> Clip:
    """The example with its video. mappers: of the folds that were needed before."""
    answer, (fold,) = int(is_stalled(example.probability, threshold)), example.folds
    try:
        volume = load_volume(example.volume)
    except InputError as error:
        return Clip(example, answer, problem=str(error))
    if fold not in mappers:
        mappers[fold] = _mapper(evidence.recipe, next(run for run in evidence.trained if run.fold == fold))
    frames = panes(volume, _heat(mappers[fold], volume))
    return Clip(example, answer, data_uri(frames), "", len(frames), len(volume), volume.shape[1:3])


def _mapper(recipe: Recipe, run: Run) -> Mapper:
    device.set_precision(recipe.gpu_precision)
    fused = load_fused(recipe.net, runs.kept_weights(run.stage, run.fold, run.config))
    return HeatMapper(fused, chosen_block(recipe.net), recipe.answer.openvino_precision), recipe.prepared


def _heat(mapper: Mapper, volume: np.ndarray) -> np.ndarray:
    heat_mapper, prepared = mapper
    return zoomed(heat_mapper.statistics(prepared.apply(volume)[None])[0], volume.shape[:3])


def panes(volume: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The clip, its heat map and their mean, side by side; of a long clip the middle, of a large one a small copy.

    volume, heat: (T, h, w, 3) uint8 BGR. Returns: (at most `MOST_FRAMES`, H, 3 x W, 3) uint8 BGR.
    """
    start = max(len(volume) - MOST_FRAMES, 0) // 2
    volume, heat = (array[start : start + MOST_FRAMES] for array in (volume, heat))
    blend = ((volume.astype(np.uint16) + heat) // 2).astype(np.uint8)
    wide = np.concatenate([volume, heat, blend], axis=2)
    scale = LARGEST_SIDE / max(volume.shape[1:3])
    if scale >= 1:
        return wide
    size = (3 * max(round(volume.shape[2] * scale), 1), max(round(volume.shape[1] * scale), 1))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in wide])


def data_uri(frames: np.ndarray) -> str:
    """An mp4 of the frames, as the address of an image inside the page. frames: (T, H, W, 3) uint8 BGR."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, frames, RATE, QUALITY)
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
