"""What happens at the end of an epoch: scores into the logs, the best weights, pictures, the resume state.

The first callback puts the scores into the one `logs` dict; Keras' own plateau and early stopping and the rest
here read them there, so their order in `epoch_callbacks` is part of what they do.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from stagewise.console.run_log import say
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.checkpoints import Progress, save_state
from stagewise.messages.errors import DIVERGED_MEND, NumericalError
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.recipe import Recipe
from stagewise.scores.curves import draw_curves
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

REMEMBERED = ("best", "best_epoch", "snapshots", "wait", "cooldown_counter", "stopped_epoch")


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


class BestWeights(keras.callbacks.Callback):
    """Hold on to the weights of the epoch that is the best by the recipe's part `kept`.

    They go into the resume state with every epoch, and into their own file when the training ends.
    """

    def __init__(self, kept: BestEpoch, weights: list[np.ndarray]) -> None:
        """weights: those of the best epoch so far, if any."""
        super().__init__()
        self.kept, self.monitor, self.weights = kept, f"val_{kept.monitor}", weights
        self.best, self.best_epoch = -np.inf, -1

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Copy, if the epoch is the best so far."""
        if self.kept.improves(logs[self.monitor], self.best):
            self.best, self.best_epoch = logs[self.monitor], epoch
            self.weights = [np.array(array) for array in self.model.get_weights()]  # PyTorch's are views

    def save(self, path: Path) -> None:
        """Write the best weights, the model's from now on, in one piece or not at all."""
        self.model.set_weights(self.weights)
        _save_weights(self.model, path)


class SnapshotWeights(keras.callbacks.Callback):
    """Write the weights of chosen epochs as they end; remembers their hashes and scores."""

    def __init__(self, folder: Path, epochs: Sequence[int]) -> None:
        """epochs: their numbers, from 1."""
        super().__init__()
        self.folder, self.epochs = folder, epochs
        self.snapshots: dict[str, dict[str, float | str]] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write a file, if the epoch is one of them; one that is trained again replaces it."""
        if (number := epoch + 1) in self.epochs:
            path = self.folder / runs.snapshot_weights(number)
            _save_weights(self.model, path)
            scores = {name: float(logs[f"val_{name}"]) for name in ("auc", "mcc")}
            self.snapshots = {**self.snapshots, str(number): {**scores, "sha256": paths.sha256_of(path)}}


def _save_weights(model: keras.Model, path: Path) -> None:
    """In one piece or not at all, without the optimizer's moments."""
    weights_alone = keras.Model(model.inputs, model.outputs, name=model.name)  # whose own would count up in the file
    with paths.replacing(path) as temporary:
        weights_alone.save_weights(temporary)


class TensorBoardEvents(keras.callbacks.Callback):
    """Write the logs as TensorBoard events, whatever the backend (keras.callbacks.TensorBoard needs TensorFlow).

    An epoch is a file, which TensorBoard reads in the order of their names: an epoch that is trained again
    replaces its own points, and no thread of a writer can die unseen.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """One point a curve."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter
        from tensorboardX.summary import scalar

        now = time.time()
        points = (Event(wall_time=now, step=epoch, summary=scalar(name, value)) for name, value in logs.items())
        with paths.replacing(self.folder / f"events.out.tfevents.{epoch:010d}") as temporary:
            writer = RecordWriter(str(temporary))
            for event in (Event(wall_time=now, file_version="brain.Event:2"), *points):
                writer.write(event.SerializeToString())
            writer.close()


class Recorder(keras.callbacks.Callback):
    """Write history, curves and last the resume state, which remembers the other callbacks' state too."""

    def __init__(
        self, folder: Path, progress: Progress, best: BestWeights, others: list[keras.callbacks.Callback]
    ) -> None:
        """progress: that so far; best, others: the callbacks that remember something."""
        super().__init__()
        self.folder, self.progress, self.best, self.others = folder, progress, best, (*others, best)
        self.began = time.monotonic()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Give the others their memory back, after their own on_train_begin has emptied it."""
        for other in self.others:
            vars(other).update(self.progress.callbacks.get(type(other).__name__, {}))

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Look at the clock, for the epoch's line alone: what is written is the same in every run."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Record one epoch; the resume state is last, so that whatever fails before is done again."""
        progress = self.progress
        progress.history.append({"epoch": epoch, **{name: float(value) for name, value in logs.items()}})
        scores = (f"{name} {value:.4g}" for name, value in logs.items())
        seconds = f"{time.monotonic() - self.began:.0f} s"
        say("  ".join((f"{paths.shown(self.folder)} epoch {epoch + 1}", *scores, seconds)))
        with paths.replacing(self.folder / runs.HISTORY) as temporary:
            pd.DataFrame(progress.history).to_csv(temporary, index=False)
        draw_curves(self.folder / runs.CURVES, progress.history)
        progress.callbacks = {
            type(other).__name__: {name: vars(other)[name] for name in REMEMBERED if name in vars(other)}
            for other in self.others
        }
        progress.stopped, progress.best_weights = self.model.stop_training, self.best.weights
        save_state(self.folder, self.model, progress)


def epoch_callbacks(
    recipe: Recipe,
    folder: Path,
    predict: Callable[[], np.ndarray],
    stalled: np.ndarray,
    progress: Progress,
    best: BestWeights,
    snapshots: SnapshotWeights,
) -> list[keras.callbacks.Callback]:
    """The callbacks of one training, in the order in which they must run; best, snapshots: what keeps weights."""
    deciding = recipe.schedule.callbacks(best.monitor, recipe.optimizer.learning_rate)
    return [
        ValidationScores(predict, stalled, recipe.kept.monitor),
        *deciding,
        best,
        snapshots,
        TensorBoardEvents(folder / runs.EVENTS),
        Recorder(folder, progress, best, [*deciding, snapshots]),
    ]
