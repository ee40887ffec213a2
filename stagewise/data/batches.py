"""Clips by the batch: read, transformed and stacked in worker processes, streamed in order."""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stagewise.augment import Transform, augment
from stagewise.files import paths
from stagewise.machine.slots import Ring, Slot, part_of, slots_of
from stagewise.machine.workers import WorkerPool
from stagewise.recipes.frames import Prepared, padded
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.sampling import AUGMENTATION, SampleKey
from stagewise.volumes.pklz import load_volume


@dataclass(frozen=True)
class BatchTask:
    """The clips of one batch: their files and labels, what is done to them, the keys of its chance, and where to.

    lengths: what the longest clip is padded to, as by `recipes.frames.padded`; all others are padded as long.
    """

    volumes: tuple[Path, ...]
    transforms: tuple[Transform, ...]
    stalled: tuple[int, ...] = ()
    keys: tuple[SampleKey, ...] = ()
    lengths: tuple[int, ...] = ()
    slot: Slot | None = None

    @property
    def generators(self) -> list[np.random.Generator]:
        """The chance of each clip's augmentation; without keys nothing is drawn from them, as by a resize."""
        made = [key.generator(AUGMENTATION) for key in self.keys]
        return made or [np.random.default_rng(0)] * len(self.volumes)

    def __str__(self) -> str:
        return f"a batch of {', '.join(paths.shown(path) for path in self.volumes)}"


@dataclass(frozen=True)
class Batch:
    """Clips (B, T, H, W, C) uint8, and how many frames each had before it was padded with black ones at its end.

    clips: None where they went to a slot; shape: theirs.
    """

    frames: tuple[int, ...]
    shape: tuple[int, ...]
    clips: np.ndarray | None


Load = Callable[[BatchTask], Batch]


def load_clips(task: BatchTask) -> Batch:
    """Read and transform the clips of one batch; they go to the task's slot if it has one that is large enough."""
    pairs = zip(task.volumes, task.generators, strict=True)
    return placed([augment(load_volume(path), task.transforms, generator) for path, generator in pairs], task)


def placed(clips: Sequence[np.ndarray], task: BatchTask) -> Batch:
    """The clips (T, H, W, C) of a batch, or whatever else has one size but for its first axis, as one array."""
    frames = tuple(map(len, clips))
    shape = (len(clips), padded(max(frames), task.lengths), *clips[0].shape[1:])
    fits = task.slot is not None and math.prod(shape) <= math.prod(task.slot.shape)
    joined = part_of(task.slot.array(), shape) if fits else np.empty(shape, np.uint8)
    for place, clip in zip(joined, clips, strict=True):
        place[: len(clip)] = clip
        place[len(clip) :] = 0
    return Batch(frames, shape, None if fits else joined)


def load_in_order(
    pool: WorkerPool, tasks: Iterable[BatchTask], shape: tuple[int, ...], load: Load = load_clips
) -> Iterator[tuple[BatchTask, Batch]]:
    """Yield each task with its clips; with workers, the array holds them until the next one is asked for.

    shape: that of a whole batch of the longest clips there is room for; what is larger goes through a pipe; load: what
    makes a task's batch.
    """
    if not (pool.workers and hasattr(os, "memfd_create")):  # without Linux' memfd all clips go through a pipe
        yield from pool.in_order(load, tasks)
        return
    ring = Ring(slots_of(pool.workers), shape)
    try:
        slots = itertools.cycle(ring.slots)
        with_slots = (replace(task, slot=slot) for task, slot in zip(tasks, slots, strict=False))
        for (task, batch), place in zip(pool.in_order(load, with_slots), itertools.cycle(ring.arrays), strict=False):
            yield task, batch if batch.clips is not None else replace(batch, clips=part_of(place, batch.shape))
    finally:
        ring.close()


class TrainingBatches:
    """The training batches of one fold and stage, any epoch of them."""

    def __init__(
        self,
        recipe: Recipe,
        volumes: Sequence[Path],
        stalled: np.ndarray,
        fold: int,
        seed: int,
        lengths: tuple[int, ...] = (),
        load: Load = load_clips,
    ) -> None:
        """volumes, stalled: the n training rows' files and labels (n,) 0 or 1.

        lengths: as in `BatchTask`; load: as for `load_in_order`.
        """
        self.recipe, self.volumes, self.stalled = recipe, volumes, np.asarray(stalled)
        self.fold, self.seed, self.lengths, self.load = fold, seed, lengths, load
        self.row = recipe.sampling.draws(self.stalled)

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
        rows = [self.row(key) for key in keys]
        return BatchTask(
            volumes=tuple(self.volumes[row] for row in rows),
            transforms=recipe.augmentation,
            stalled=tuple(int(self.stalled[row]) for row in rows),
            keys=keys,
            lengths=self.lengths,
        )

    def stream(self, pool: WorkerPool, first_epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield ((B, T, H, W, C) uint8, (B, 1) float32) for every step from `first_epoch` to the recipe's last.

        With workers, the clips hold until the next step is asked for. One stream runs through all epochs, so that
        the workers prepare the next epoch while this one is validated.
        """
        epochs = range(first_epoch, self.recipe.schedule.epochs)
        tasks = (self.task(epoch, step) for epoch in epochs for step in range(self.steps))
        shape = (self.recipe.batch_size, *self.recipe.prepared.largest)
        for task, batch in load_in_order(pool, tasks, shape, self.load):
            yield batch.clips, np.array(task.stalled, np.float32)[:, None]


def stream_clips(
    volumes: Sequence[Path], prepared: Prepared, pool: WorkerPool, batch_size: int
) -> Iterator[list[np.ndarray]]:
    """Yield lists of clips (T, H, W, C) uint8 of the volumes in order, each as `prepared.apply` makes it.

    All lists but the last have `batch_size` clips. With workers, they hold until the next list is asked for.
    """
    groups = (tuple(volumes[start : start + batch_size]) for start in range(0, len(volumes), batch_size))
    tasks = (BatchTask(group, prepared.transforms, lengths=prepared.lengths) for group in groups)
    for _, batch in load_in_order(pool, tasks, (batch_size, *prepared.largest)):
        pairs = zip(batch.clips, batch.frames, strict=True)
        yield [clip[: padded(frames, prepared.lengths)] for clip, frames in pairs]
