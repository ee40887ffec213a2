"""What a stage learns from its rows: labels of clips, or masks of images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from stagewise.data.clips import Rows
    from stagewise.data.splits import Split
    from stagewise.machine.workers import WorkerPool
    from stagewise.training.plans import TrainingPlan


class Task(Protocol):
    """Where rows come from, what a batch of them is, and how an epoch is scored."""

    def split(self, path: Path | None) -> "Split":
        """The split's file, read and checked. path: None for the default one."""

    def require_learnable(self, split: "Split", folds: Sequence[int]) -> None:
        """Raise InputError unless every stage can be trained and scored on these folds."""

    def rows(self, split: "Split", chosen: "pd.Series") -> "Rows":
        """The files and labels of some of the split's rows, all of them there; InputError otherwise."""

    def batches(
        self, plan: "TrainingPlan", pool: "WorkerPool", first_epoch: int
    ) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
        """What the net is shown and what it should answer, a pair for each step from an epoch to the recipe's last.

        With workers, the arrays hold until the next pair is asked for.
        """

    def scores(self, model: "keras.Model", plan: "TrainingPlan", pool: "WorkerPool") -> "keras.callbacks.Callback":
        """What puts an epoch's scores into its logs, val_loss and those that the recipe's part `kept` is by."""
