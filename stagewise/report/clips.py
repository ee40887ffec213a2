"""Small looping clips with their heat maps, inside the page."""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stagewise import device, paths, runs
from stagewise.augment import Resize
from stagewise.clip_video import write_mp4
from stagewise.ensemble import load_fused
from stagewise.errors import InputError
from stagewise.heatmaps import HeatMapper, zoomed
from stagewise.report.evidence import Evidence
from stagewise.report.training import Run
from stagewise.volumes import load_volume

LARGEST_SIDE = 128  # pixels of a pane; a crop of the full data has 67 on average, and 448 at most
MOST_FRAMES = 96  # of 60 on average, and 434 at most
RATE = 15  # frames a second
QUALITY = 24  # x264's crf


@dataclass(frozen=True)
class Clip:
    """A clip of the page: three panes in one video, as a data URI; "" and a problem where its volume cannot be read.

    shown, frames: how many of how many frames; size: of a pane, height and width in pixels.
    """

    filename: str
    stalled: int
    fold: int
    probability: float
    answer: int
    video: str
    problem: str
    shown: int
    frames: int
    size: tuple[int, int]


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
    oof = evidence.out_of_fold
    mistakes = oof.surest_mistakes(count)
    unsure = oof.least_sure(count, without=mistakes["filename"])
    wrong = int(oof.table["wrong"].sum())
    show = ClipShow(evidence.trained)
    return [
        ClipGroup(
            "The surest mistakes",
            f"{wrong} of {len(oof.table)} clips got the wrong answer; these are the ones that the net was surest of."
            if wrong
            else "No clip got the wrong answer.",
            [show.clip(row) for row in mistakes.itertuples()],
        ),
        ClipGroup(
            "The least sure answers",
            f"The probabilities nearest to the threshold, {oof.threshold:.2f}, but for the mistakes above.",
            [show.clip(row) for row in unsure.itertuples()],
        ),
    ]


class ClipShow:
    """Shows clips beside the heat maps of the nets that answered them."""

    def __init__(self, folds: Sequence[Run]) -> None:
        """folds: the trained folds."""
        self.runs = {run.fold: run for run in folds}
        self.mappers: dict[int, tuple[HeatMapper, Resize]] = {}  # of the folds that were needed

    def clip(self, row: Any) -> Clip:
        """row: filename, stalled, fold, probability, answer. A volume that cannot be read is the clip's `problem`."""
        known = (row.filename, row.stalled, row.fold, row.probability, row.answer)
        try:
            volume = load_volume(paths.volume_path("train", row.filename))
        except InputError as error:
            return Clip(*known, "", str(error), 0, 0, (0, 0))
        if row.fold not in self.mappers:
            self.mappers[row.fold] = _mapper(self.runs[row.fold])
        frames = panes(volume, _heat(self.mappers[row.fold], volume))
        return Clip(*known, data_uri(frames), "", len(frames), len(volume), volume.shape[1:3])


def _mapper(run: Run) -> tuple[HeatMapper, Resize]:
    net, recipe = runs.net_of(run.config), run.config["recipe"]
    device.set_precision(recipe["gpu_precision"])
    fused = load_fused(net, runs.best_weights(run.stage, run.fold, run.config))
    return HeatMapper(fused, recipe["openvino_precision"]), Resize(net.input_shape)


def _heat(mapper: tuple[HeatMapper, Resize], volume: np.ndarray) -> np.ndarray:
    heat_mapper, resize = mapper
    return zoomed(heat_mapper.statistics(resize.apply(volume)[None])[0], volume.shape[:3])


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
