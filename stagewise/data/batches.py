"""Clips by the batch: read, transformed and stacked in worker processes, streamed in order."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stagewise.augment import Resize, Transform, augment
from stagewise.files import paths
from stagewise.machine.slots import Ring, Slot, slots_of
from stagewise.machine.workers import WorkerPool
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.sampling import AUGMENTATION, SampleKey
from stagewise.volumes.pklz import load_volume


@dataclass(frozen=True)
class BatchTask:
    """The clips of one batch: their files and labels, what is done to them, the keys of its chance, and where to."""

    volumes: tuple[Path, ...]
    transforms: tuple[Transform, ...]
    stalled: tuple[int, ...] = ()
    keys: tuple[SampleKey, ...] = ()
    slot: Slot | None = None

    def __str__(self) -> str:
        return f"a batch of {', '.join(paths.shown(path) for path in self.volumes)}"


def load_clips(task: BatchTask) -> np.ndarray | None:
    """Read and transform the clips of one batch. Returns: (B, T, H, W, 3) uint8 BGR; None if they went to a slot."""
    generators = [key.generator(AUGMENTATION) for key in task.keys]
    generators = generators or [np.random.default_rng(0)] * len(task.volumes)  # a resize draws nothing from them
    pairs = zip(task.volumes, generators, strict=True)
    clips = (augment(load_volume(path), task.transforms, generator) for path, generator in pairs)
    if task.slot is None:
        return np.stack(list(clips))
    for place, clip in zip(task.slot.array(), clips, strict=False):
        place[...] = clip
    return None


def load_in_order(
    pool: WorkerPool, tasks: Iterable[BatchTask], shape: tuple[int, ...]
) -> Iterator[tuple[BatchTask, np.ndarray]]:
    """Yield each task with its clips, (B, T, H, W, 3) uint8; with workers, the array holds them until the next one.

    shape: that of a whole batch; the last one may be short.
    """
    if not (pool.workers and hasattr(os, "memfd_create")):  # without Linux' memfd the clips go through a pipe
        yield from pool.in_order(load_clips, tasks)
        return
    ring = Ring(slots_of(pool.workers), shape)
    try:
        slots = itertools.cycle(ring.slots)
        placed = (replace(task, slot=slot) for task, slot in zip(tasks, slots, strict=False))
        for (task, _), clips in zip(pool.in_order(load_clips, placed), itertools.cycle(ring.arrays), strict=False):
            yield task, clips[: len(task.volumes)]
    finally:
        ring.close()


class TrainingBatches:
    """The training batches of one fold and stage, any epoch of them."""

    def __init__(self, recipe: Recipe, volumes: Sequence[Path], stalled: np.ndarray, fold: int, seed: int) -> None:
        """volumes, stalled: the n training rows' files and labels (n,) 0 or 1."""
        self.recipe, self.volumes, self.stalled = recipe, volumes, np.asarray(stalled)
        self.fold, self.seed = fold, seed

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.recipe.sampling.steps(self.stalled, self.recipe.batch_size)

    def task(self, epoch: int, step: int) -> BatchTask:
        """What the batch of one step consists of."""
        recipe = self.recipe
        first = step * recipe.batch_size
        keys = tuple(
            SampleKey(self.seed, recipe.name, self.fold, epoch, index)
            for index in range(first, first + recipe.batch_size)
        )
        rows = [recipe.sampling.row(self.stalled, key) for key in keys]
        return BatchTask(
            volumes=tuple(self.volumes[row] for row in rows),
            transforms=recipe.augmentation,
            stalled=tuple(int(self.stalled[row]) for row in rows),
            keys=keys,
        )

    def stream(self, pool: WorkerPool, first_epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield ((B, T, H, W, 3) uint8, (B, 1) float32) for every step from `first_epoch` to the recipe's last.

        With workers, the clips hold until the next step is asked for. One stream runs through all epochs, so that
        the workers prepare the next epoch while this one is validated.
        """
        epochs = range(first_epoch, self.recipe.schedule.epochs)
        tasks = (self.task(epoch, step) for epoch in epochs for step in range(self.steps))
        shape = (self.recipe.batch_size, *self.recipe.net.input_shape, 3)
        for task, clips in load_in_order(pool, tasks, shape):
            yield clips, np.array(task.stalled, np.float32)[:, None]


def stream_clips(volumes: Sequence[Path], resize: Resize, pool: WorkerPool, batch_size: int) -> Iterator[np.ndarray]:
    """Yield (B, T, H, W, 3) uint8 of the volumes in order, only resized; the last batch may be short.

    With workers, a batch holds until the next one is asked for.
    """
    tasks = (
        BatchTask(tuple(volumes[start : start + batch_size]), (resize,)) for start in range(0, len(volumes), batch_size)
    )
    for _, clips in load_in_order(pool, tasks, (batch_size, *resize.shape, 3)):
        yield clips
