"""Probabilities of any number of clips, streamed in batches of one size."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stagewise.augment import Resize
from stagewise.dataset import stream_clips
from stagewise.workers import WorkerPool


def predict_volumes(
    predict: Callable[[np.ndarray], np.ndarray],
    volumes: Sequence[Path],
    resize: Resize,
    pool: WorkerPool,
    batch_size: int,
    description: str,
) -> np.ndarray:
    """The net's answers to the volumes, in their order.

    predict: (B, T, H, W, 3) uint8 to (B, ...). Every call has `batch_size` clips, the last batch being filled
    up with copies of its last clip, so that the net is compiled for one shape and a clip's answer does
    not hang on its neighbours. Returns: (n, ...).
    """
    answers = []
    progress = tqdm(total=len(volumes), desc=description, unit="clip", mininterval=1, disable=None)
    with progress:
        for clips in stream_clips(volumes, resize, pool, batch_size):
            filled = np.concatenate([clips, np.repeat(clips[-1:], batch_size - len(clips), axis=0)])
            answers.append(np.asarray(predict(filled))[: len(clips)])
            progress.update(len(clips))
    return np.concatenate(answers)
