"""Which clip comes when: pure functions of (seed, stage, fold, epoch, index)."""

import zlib
from dataclasses import dataclass

import numpy as np

from stagewise.messages.errors import InputError

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


def draw_row(stalled: np.ndarray, stalled_share: float, key: SampleKey) -> int:
    """The row of a training sample: its class first, then with replacement within the class.

    stalled: (n,) 0 or 1 of the training rows; stalled_share: the probability of the stalled class.
    """
    generator = key.generator(ROW)
    wanted = int(generator.random() < stalled_share)
    return int(generator.choice(np.flatnonzero(stalled == wanted)))


def validation_rows(stalled: np.ndarray, flowing_per_stalled: int, seed: int, fold: int) -> np.ndarray:
    """Rows to validate on: every stalled one, and for each a number of flowing ones, drawn without replacement.

    The draw depends on (seed, fold) alone: every epoch is scored on the same rows, and not on the first
    ones of the file. Where too few are flowing, all of them are taken.
    stalled: (n,) 0 or 1. Returns: (m,) sorted row numbers.
    """
    positive, negative = np.flatnonzero(stalled == 1), np.flatnonzero(stalled == 0)
    wanted = min(len(positive) * flowing_per_stalled, len(negative))
    chosen = np.random.default_rng([seed, fold]).choice(negative, wanted, replace=False)
    return np.sort(np.concatenate([positive, chosen]))


def require_both_classes(stalled: np.ndarray, what: str, mend: str) -> None:
    """Raise InputError unless `stalled` holds flowing (0) and stalled (1) rows; `what` names them."""
    missing = [name for value, name in enumerate(("flowing", "stalled")) if not np.any(stalled == value)]
    if missing:
        raise InputError(f"{what} hold no {' and no '.join(missing)} clip, so there is nothing to score there; {mend}")
