"""Probabilities out of fold against the true masks, at the size that the nets see."""

from collections.abc import Iterable

import numpy as np

from stagewise.data.mask_batches import stream_images
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.prediction.inference import InferencePlan
from stagewise.scores.mask_counts import MaskCounts, count_image, joined

BATCH = 8  # images that a worker reads at a time


def counted(plan: InferencePlan, probabilities: Iterable[np.ndarray], workers: int) -> MaskCounts:
    """The counts of the plan's images, in its order. probabilities: (H, W) float32 each, in that order, too."""
    counts, positive, probabilities = [], plan.table["positive"].to_numpy(), iter(probabilities)
    with WorkerPool(workers) as pool, progress(len(plan.table), f"{plan.stage} counting", "images", kept=False) as line:
        for pairs in stream_images(plan.volumes, positive, plan.recipe.prepared, pool, BATCH):
            counts += [count_image(next(probabilities), mask) for mask in pairs[..., 1]]
            line.advance(len(pairs))
    return joined(counts)
