"""What a stage of the capillaries learns: one label of each clip."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.training.tasks import Task

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from stagewise.data.clips import Rows
    from stagewise.data.splits import Split
    from stagewise.machine.workers import WorkerPool
    from stagewise.training.plans import TrainingPlan


class Clips(Task):
    """Clips in batches, with a label of 0 or 1 each. Nothing heavy is imported with it."""

    def split(self, path: Path | None) -> "Split":
        """The capillaries' split CSV."""
        from stagewise.data.splits import read_split

        return read_split(path)

    def require_learnable(self, split: "Split", folds: Sequence[int]) -> None:
        """Clips of both classes inside and outside each fold, in all tiers that a stage reads."""
        from stagewise.data.split_checks import require_learnable

        require_learnable(split, folds)

    def rows(self, split: "Split", chosen: "pd.Series") -> "Rows":
        """Volumes and labels."""
        from stagewise.data.clips import Rows, volumes_of

        rows = split.table[chosen]
        return Rows(volumes_of("train", rows["filename"], split), rows["stalled"].to_numpy())

    def batches(
        self, plan: "TrainingPlan", pool: "WorkerPool", first_epoch: int
    ) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
        """(B, T, H, W, C) uint8 and (B, 1) float32."""
        from stagewise.data.batches import TrainingBatches
        from stagewise.machine import device

        clips, lengths = plan.training, plan.recipe.prepared.lengths if device.compiles_each_shape() else ()
        batches = TrainingBatches(plan.recipe, clips.volumes, clips.labels, plan.fold, plan.seed, lengths)
        return batches.stream(pool, first_epoch)

    def scores(self, model: "keras.Model", plan: "TrainingPlan", pool: "WorkerPool") -> "keras.callbacks.Callback":
        """ROC AUC, MCC and loss."""
        from stagewise.prediction.predict import predict_volumes
        from stagewise.training.clip_scores import ValidationScores

        def predict() -> "np.ndarray":
            settings = (plan.recipe.prepared, pool, plan.recipe.batch_size, f"{plan.name} validation")
            return predict_volumes(model.predict_on_batch, plan.validation.volumes, *settings, kept=False)[:, 0]

        return ValidationScores(predict, plan.validation.labels, plan.recipe.kept.monitor)


CLIPS = Clips()
