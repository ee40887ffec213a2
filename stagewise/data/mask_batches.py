"""Images with their masks by the batch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stagewise.augment import augment_with_mask
from stagewise.data.batches import Batch, BatchTask, load_in_order, placed
from stagewise.files import xray_paths
from stagewise.machine.workers import WorkerPool
from stagewise.recipes.frames import Prepared
from stagewise.volumes.grey_images import load_grey, load_mask


def load_images(task: BatchTask) -> Batch:
    """Read and transform the images of one batch, each (H, W, 2) uint8: grey of 0-255, and the mask of 0 and 1.

    An image whose label is 0, or has none, has no file of a mask, and none of its pixels is in one.
    """
    labels = task.stalled or (0,) * len(task.volumes)
    images = []
    for path, positive, generator in zip(task.volumes, labels, task.generators, strict=True):
        image = load_grey(path)
        mask = load_mask(xray_paths.mask_path(path.stem), image.shape) // 255 if positive else np.zeros_like(image)
        pair = (array[np.newaxis, ..., np.newaxis] for array in (image, mask))
        images.append(np.concatenate(augment_with_mask(*pair, task.transforms, generator), axis=3)[0])
    return placed(images, task)


def stream_images(
    images: Sequence[Path], positive: np.ndarray, prepared: Prepared, pool: WorkerPool, batch_size: int
) -> Iterator[np.ndarray]:
    """Yield the images in order, (B, H, W, 2) as of `load_images`, as `prepared` sizes them.

    positive: (n,) 0 or 1, whether an image has a mask. All batches but the last have `batch_size`. With workers, an
    array holds until the next one is asked for.
    """
    starts = range(0, len(images), batch_size)
    tasks = (
        BatchTask(
            tuple(images[start : start + batch_size]),
            prepared.transforms,
            stalled=tuple(map(int, positive[start : start + batch_size])),
        )
        for start in starts
    )
    for _, batch in load_in_order(pool, tasks, (batch_size, *prepared.largest), load_images):
        yield batch.clips
