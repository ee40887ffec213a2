"""What happens at the end of an epoch: scores into the logs, the best weights, pictures, the resume state.

The first callback puts the scores into the one `logs` dict; Keras' own plateau and early stopping and the rest
here read them there, so their order in `epoch_callbacks` is part of what they do.
"""

import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from stagewise.console.run_log import say
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.checkpoints import Progress, save_state
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.recipe import Recipe
from stagewise.scores.curves import draw_curves

SCORES = ("auc", "mcc", "mcc_at_half", "dice")  # that a snapshot's entry tells, where its epoch has them
REMEMBERED = ("best", "best_epoch", "snapshots", "wait", "cooldown_counter", "stopped_epoch")


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
    """Write the weights of the epochs that the recipe's part `kept` asks for; remembers their hashes and scores.

    The file of one that others have outdone goes when the next epoch begins, and so after the state that knows of it
    no more is on the disk.
    """

    def __init__(self, folder: Path, kept: BestEpoch) -> None:
        super().__init__()
        self.folder, self.kept = folder, kept
        self.snapshots: dict[str, dict[str, float | str]] = {}  # by their numbers, from 1

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remove files of epochs that are kept no more, or that a run wrote just before it was killed."""
        self.remove_others()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write a file, if the epoch is one of them; one that is trained again replaces it."""
        number, monitor = str(epoch + 1), self.kept.monitor
        scores = {int(known): of[monitor] for known, of in self.snapshots.items() if monitor in of}
        chosen = self.kept.kept_of(scores | {epoch + 1: logs[f"val_{monitor}"]})
        if epoch + 1 in chosen:
            path = self.folder / runs.snapshot_weights(epoch + 1)
            _save_weights(self.model, path)
            told = {name: float(logs[f"val_{name}"]) for name in SCORES if f"val_{name}" in logs}
            self.snapshots = {**self.snapshots, number: {**told, "sha256": paths.sha256_of(path)}}
        self.snapshots = {known: of for known, of in self.snapshots.items() if int(known) in chosen}

    def remove_others(self) -> None:
        """Remove the files of all epochs but those that are kept."""
        known = {runs.snapshot_weights(int(number)) for number in self.snapshots}
        for path in self.folder.glob(runs.SNAPSHOTS):
            if path.name not in known:
                path.unlink()


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
    scores: keras.callbacks.Callback,
    progress: Progress,
    best: BestWeights,
    snapshots: SnapshotWeights,
) -> list[keras.callbacks.Callback]:
    """The callbacks of one training, in the order in which they must run.

    scores: puts those of validation into the logs; best, snapshots: what keeps weights.
    """
    deciding = recipe.schedule.callbacks(best.monitor, recipe.optimizer.learning_rate)
    return [
        scores,
        *deciding,
        best,
        snapshots,
        TensorBoardEvents(folder / runs.EVENTS),
        Recorder(folder, progress, best, [*deciding, snapshots]),
    ]
