"""How an epoch's net does on the validation clips."""

from collections.abc import Callable

import keras
import numpy as np

from stagewise.console.run_log import say
from stagewise.messages.errors import DIVERGED_MEND, NumericalError
from stagewise.scores.score import (
    THRESHOLDS,
    confusion,
    is_stalled,
    mcc_curve,
    mcc_of_counts,
    middle_of_the_best,
    note_on_constant,
    roc_auc,
)


class ValidationScores(keras.callbacks.Callback):
    """Predict the validation clips and put val_loss, val_auc, val_mcc and val_threshold into the logs.

    And what else the best epoch is chosen by: `monitor` of `recipes.kept`.
    """

    def __init__(self, predict: Callable[[], np.ndarray], stalled: np.ndarray, monitor: str) -> None:
        """predict: the probabilities of the validation rows, (n,); stalled: their labels (n,) 0 or 1."""
        super().__init__()
        self.predict, self.stalled, self.monitor = predict, np.asarray(stalled), monitor

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Score the epoch. Raises NumericalError where a probability is not finite."""
        probabilities = self.predict()
        if bad := np.sum(~np.isfinite(probabilities)):
            raise NumericalError(
                f"{bad} of {len(probabilities)} validation probabilities are not finite after epoch {epoch + 1}; "
                f"{DIVERGED_MEND}"
            )
        if note := note_on_constant(probabilities):
            say(f"epoch {epoch + 1}: {note}")
        curve = mcc_curve(self.stalled, probabilities)
        clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)  # keras.losses.BinaryCrossentropy's own bound
        logs["val_loss"] = float(-np.mean(np.log(np.where(self.stalled == 1, clipped, 1 - clipped))))
        logs["val_auc"] = roc_auc(self.stalled, probabilities)
        logs["val_mcc"] = float(curve.max())
        logs["val_threshold"] = float(THRESHOLDS[middle_of_the_best(curve)])
        if self.monitor == "mcc_at_half":
            counts = confusion(self.stalled, is_stalled(probabilities, 0.5))
            logs["val_mcc_at_half"] = float(mcc_of_counts(*counts))
