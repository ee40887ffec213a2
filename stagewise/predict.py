"""Probabilities of any number of clips, streamed in batches of one size."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from stagewise.augment import Resize
from stagewise.dataset import stream_clips
from stagewise.progress import progress
from stagewise.workers import WorkerPool


def predict_volumes(
    predict: Callable[[np.ndarray], np.ndarray],
    volumes: Sequence[Path],
    resize: Resize,
    pool: WorkerPool,
    batch_size: int,
    description: str,
    kept: bool = True,
) -> np.ndarray:
    """The net's answers to the volumes, in their order.

    predict: (B, T, H, W, 3) uint8 to (B, ...). Every call has `batch_size` clips, the last batch being filled
    up with copies of its last clip, so that the net is compiled for one shape and a clip's answer does
    not hang on its neighbours. description, kept: of the progress line. Returns: (n, ...).
    """
    answers = []
    with progress(len(volumes), description, "clips", kept) as line:
        for clips in stream_clips(volumes, resize, pool, batch_size):
            filled = np.concatenate([clips, np.repeat(clips[-1:], batch_size - len(clips), axis=0)])
            answers.append(np.asarray(predict(filled))[: len(clips)])
            line.advance(len(clips))
    return np.concatenate(answers)
