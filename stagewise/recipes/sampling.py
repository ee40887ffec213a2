"""Which clip comes when: pure functions of (seed, stage, fold, epoch, index)."""

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

ROW, AUGMENTATION = 0, 1  # the two independent streams of one sample


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


class Sampling(Protocol):
    """The samples of an epoch."""

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        """Batches in an epoch. stalled: (n,) 0 or 1 of the training rows."""

    def row(self, stalled: np.ndarray, key: SampleKey) -> int:
        """The row of a training sample. stalled: (n,) 0 or 1 of the training rows."""

    def stalled_share(self) -> float:
        """The share of stalled clips that training draws, which the net's probabilities are fitted to."""


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

    def row(self, stalled: np.ndarray, key: SampleKey) -> int:
        """Drawn by the key."""
        generator = key.generator(ROW)
        wanted = int(generator.random() < self.share)
        return int(generator.choice(np.flatnonzero(stalled == wanted)))

    def stalled_share(self) -> float:
        """As drawn."""
        return self.share
