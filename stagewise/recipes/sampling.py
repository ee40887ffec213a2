"""Which clip comes when: pure functions of (seed, stage, fold, epoch, index)."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

ROW, AUGMENTATION, ORDER = 0, 1, 2  # independent streams: two of a sample, one of an epoch


@dataclass(frozen=True)
class SampleKey:
    """What one training sample is a pure function of; `index` counts the samples of an epoch."""

    seed: int
    stage: str
    fold: int
    epoch: int
    index: int

    def generator(self, stream: int) -> np.random.Generator:
        """The sample's own generator; the stage's name keeps stage 2 from repeating stage 1's samples."""
        stage = zlib.crc32(self.stage.encode())
        return np.random.default_rng([self.seed, stage, self.fold, self.epoch, self.index, stream])


Draw = Callable[[SampleKey], int]  # from a sample to its row among the training rows


class Sampling(Protocol):
    """The samples of an epoch."""

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        """Batches in an epoch. stalled: (n,) 0 or 1 of the training rows."""

    def draws(self, stalled: np.ndarray) -> Draw:
        """What gives a sample its row. stalled: (n,) 0 or 1 of the training rows, looked through once, here."""

    def stalled_share(self) -> float | None:
        """The share of stalled clips that training draws; None where that is the rows' own."""


@dataclass(frozen=True)
class ByChance:
    """The class first, by chance, then a row of it, with replacement.

    share: the probability of the stalled class; steps_per_epoch: batches.
    """

    share: float
    steps_per_epoch: int

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        """A number of its own, whatever there is."""
        return self.steps_per_epoch

    def draws(self, stalled: np.ndarray) -> Draw:
        """Each sample's row is drawn by its key alone."""
        classes = [np.flatnonzero(stalled == value) for value in (0, 1)]

        def row(key: SampleKey) -> int:
            generator = key.generator(ROW)
            return int(generator.choice(classes[int(generator.random() < self.share)]))

        return row

    def stalled_share(self) -> float:
        """As drawn."""
        return self.share


class _PositivesOnce:
    """Every stalled clip, or positive image, once an epoch, and others drawn with replacement, shuffled.

    A last batch that is not full is filled up with further ones of the others. Where there are none at all, the
    positives come alone, and fill it.
    """

    def others(self, stalled: int) -> int:
        """How many of the others come with so many stalled clips."""
        raise NotImplementedError

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        """As many as that takes: the number of stalled clips where a batch has one and the flowing ones for it."""
        return -(-self._items(stalled) // batch_size)

    def draws(self, stalled: np.ndarray) -> Draw:
        """The epoch's order is shuffled once an epoch, by (seed, stage, fold, epoch); each draw takes as long."""
        stalled_rows, flowing_rows = (np.flatnonzero(stalled == value) for value in (1, 0))
        count = self._items(stalled)

        @lru_cache(maxsize=2)  # keys come epoch after epoch
        def order(epoch: SampleKey) -> np.ndarray:
            return epoch.generator(ORDER).permutation(count)

        def row(key: SampleKey) -> int:
            items = order(replace(key, index=0))
            item = items[key.index] if key.index < len(items) else len(items)
            if item < len(stalled_rows):
                return int(stalled_rows[item])
            return int(key.generator(ROW).choice(flowing_rows if len(flowing_rows) else stalled_rows))

        return row

    def _items(self, stalled: np.ndarray) -> int:
        positives = int(np.sum(stalled == 1))
        return positives + (self.others(positives) if positives < len(stalled) else 0)


@dataclass(frozen=True)
class EachStalledOnce(_PositivesOnce):
    """Every stalled clip once an epoch, and for each `flowing_for_each` flowing ones."""

    flowing_for_each: int

    def others(self, stalled: int) -> int:
        """As many times as many."""
        return self.flowing_for_each * stalled

    def stalled_share(self) -> float:
        """One of all that come with it."""
        return 1 / (1 + self.flowing_for_each)


@dataclass(frozen=True)
class SlidingShare(_PositivesOnce):
    """Every positive image once an epoch, and as many negative ones as give positives this share.

    A stage has one share; from stage to stage it slides towards the data's own. share: of positives, 0-1.
    """

    share: float

    def others(self, stalled: int) -> int:
        """Truncated, in floating point from left to right: winner's, whose 2,200 positives at 0.8 get 549."""
        return int(stalled * (1 - self.share) / self.share)

    def stalled_share(self) -> float:
        """As drawn."""
        return self.share


@dataclass(frozen=True)
class EachClipOnce:
    """Every clip once an epoch, shuffled; a last batch that is not full is filled up from the epoch's beginning."""

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        """As many as hold all clips."""
        return -(-len(stalled) // batch_size)

    def draws(self, stalled: np.ndarray) -> Draw:
        """The epoch's order is shuffled once an epoch, by (seed, stage, fold, epoch)."""

        @lru_cache(maxsize=2)  # keys come epoch after epoch
        def order(epoch: SampleKey) -> np.ndarray:
            return epoch.generator(ORDER).permutation(len(stalled))

        return lambda key: int(order(replace(key, index=0))[key.index % len(stalled)])

    def stalled_share(self) -> None:
        """The rows' own."""
