"""Which epoch's weights are kept, and by which clips that is decided."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the highest validation score.

    monitor: "mcc" (at its best threshold) or "auc"; flowing_per_stalled: how many flowing clips are validated for each
    stalled one.
    """

    monitor: str
    flowing_per_stalled: int

    def validation_rows(self, stalled: np.ndarray, seed: int, fold: int) -> np.ndarray:
        """Rows to validate on: every stalled one, and for each a number of flowing ones, drawn without replacement.

        The draw depends on (seed, fold) alone: every epoch is scored on the same rows, and not on the first
        ones of the file. Where too few are flowing, all of them are taken.
        stalled: (n,) 0 or 1. Returns: (m,) sorted row numbers.
        """
        positive, negative = np.flatnonzero(stalled == 1), np.flatnonzero(stalled == 0)
        wanted = min(len(positive) * self.flowing_per_stalled, len(negative))
        chosen = np.random.default_rng([seed, fold]).choice(negative, wanted, replace=False)
        return np.sort(np.concatenate([positive, chosen]))
