"""Which epochs' weights are kept, by which clips the best one is found, and which of them answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

Weights = tuple[str, int | None]  # of a stage, and the number of an epoch of it, from 1; None: its best one


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

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.snapshots))
        return f"best epoch by {self.monitor}" + f"; keeps epochs {numbers}" * bool(numbers)

    def improves(self, score: float, best: float) -> bool:
        """Whether an epoch's score makes it the best one. best: that so far, -inf before the first."""
        return score > best

    def best_alone(self) -> "BestEpoch":
        """The same without snapshots, of which it has none."""
        return self

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Numbers of the epochs, from 1, that are kept whatever their scores."""
        return ()

    @property
    def files(self) -> int:
        """How many epochs' weights a finished fold keeps beside the best one's."""
        return len(self.snapshots)

    def kept_of(self, scores: Mapping[int, float]) -> set[int]:
        """Those of the epochs so far that are kept beside the best one. scores: by their numbers, from 1."""
        return set(self.snapshots) & scores.keys()

    def answering(self, stage: str, kept: Collection[int] = ()) -> tuple[Weights, ...]:
        """Which weights of a fold answer together.

        stage: the name of the recipe's own; kept: the epochs that its finished fold keeps beside the best one.
        """
        return ((stage, None),)


@dataclass(frozen=True)
class LastBestEpoch(BestEpoch):
    """Of epochs with equally high scores the last one, on all validation clips.

    monitor: "mcc_at_half", the MCC at a threshold of 0.5, too; or "loss", the lowest of validation.
    """

    flowing_per_stalled: None = None

    def validation_rows(self, stalled: np.ndarray, seed: int, fold: int) -> np.ndarray:
        """All of them."""
        return np.arange(len(stalled))

    def improves(self, score: float, best: float) -> bool:
        """A score that equals the best one does, too."""
        return score <= best or best == -np.inf if self.monitor == "loss" else score >= best


@dataclass(frozen=True)
class Snapshots(BestEpoch):
    """Epochs by their numbers, from 1, which answer together; the best one by validation is kept beside them.

    kept_epochs: of this stage; earlier: snapshots of stages before it that answer with them.
    """

    kept_epochs: tuple[int, ...]
    earlier: tuple[tuple[str, int], ...] = ()

    def best_alone(self) -> BestEpoch:
        """The same without snapshots."""
        return BestEpoch(self.monitor, self.flowing_per_stalled)

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Those of this stage."""
        return self.kept_epochs

    def answering(self, stage: str, kept: Collection[int] = ()) -> tuple[Weights, ...]:
        """Earlier stages' snapshots, then its own."""
        return (*self.earlier, *((stage, epoch) for epoch in self.kept_epochs))


@dataclass(frozen=True)
class TopEpochs(BestEpoch):
    """The epochs with the highest validation scores, which answer together; the first of them is the best one.

    monitor: "dice", the mean over all images by the best of `triplets`; count: how many, of equal ones the earlier;
    triplets: (top, area, bottom) of `mask_rules.Triplet`.
    """

    flowing_per_stalled: None = None
    count: int = 3
    triplets: tuple[tuple[float, int, float], ...] = ()

    def validation_rows(self, stalled: np.ndarray, seed: int, fold: int) -> np.ndarray:
        """All of them."""
        return np.arange(len(stalled))

    def __str__(self) -> str:
        return f"best epoch by {self.monitor}; keeps the best {self.count}"

    @property
    def files(self) -> int:
        """As many as count."""
        return self.count

    def kept_of(self, scores: Mapping[int, float]) -> set[int]:
        """Those with the highest scores."""
        return set(sorted(scores, key=lambda epoch: (-scores[epoch], epoch))[: self.count])

    def answering(self, stage: str, kept: Collection[int] = ()) -> tuple[Weights, ...]:
        """All that are kept."""
        return tuple((stage, epoch) for epoch in sorted(kept))
