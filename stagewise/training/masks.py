"""What a stage of the X-rays learns: a mask of each image."""

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


class Masks(Task):
    """Grey images in batches, with a mask of 0 and 1 each. Nothing heavy is imported with it."""

    def split(self, path: Path | None) -> "Split":
        """The X-rays' split CSV."""
        from stagewise.xrays.splits import read_xray_split

        return read_xray_split(path)

    def require_learnable(self, split: "Split", folds: Sequence[int]) -> None:
        """Images with and without a mask inside and outside each fold."""
        from stagewise.data.split_checks import require_learnable

        require_learnable(split, folds)

    def rows(self, split: "Split", chosen: "pd.Series") -> "Rows":
        """Converted images, and whether they have a mask."""
        from stagewise.data.clips import Rows
        from stagewise.xrays.converted import images_of

        rows = split.table[chosen]
        return Rows(images_of(rows, split), rows["positive"].to_numpy(), ("images", "with a pneumothorax"))

    def batches(
        self, plan: "TrainingPlan", pool: "WorkerPool", first_epoch: int
    ) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
        """Images and masks, both (B, H, W, 1) uint8."""
        from stagewise.data.batches import TrainingBatches
        from stagewise.data.mask_batches import load_images

        rows = plan.training
        batches = TrainingBatches(plan.recipe, rows.volumes, rows.labels, plan.fold, plan.seed, load=load_images)
        for pairs, _ in batches.stream(pool, first_epoch):
            yield pairs[..., :1], pairs[..., 1:]

    def scores(self, model: "keras.Model", plan: "TrainingPlan", pool: "WorkerPool") -> "keras.callbacks.Callback":
        """Dice by the best of the recipe's rules."""
        from stagewise.data.mask_batches import stream_images
        from stagewise.messages.progress import progress
        from stagewise.training.mask_scores import MaskScores

        recipe, rows = plan.recipe, plan.validation

        def answered() -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
            with progress(len(rows.labels), f"{plan.name} validation", "images", kept=False) as line:
                for pairs in stream_images(rows.volumes, rows.labels, recipe.prepared, pool, recipe.batch_size):
                    logits = model.predict_on_batch(pairs[..., :1])
                    yield logits[..., 0], pairs[..., 1]
                    line.advance(len(pairs))

        return MaskScores(answered, recipe.kept.triplets)


MASKS = Masks()
