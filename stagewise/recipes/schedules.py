"""How the optimizer's numbers go, and when a training ends."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import keras


class Schedule(Protocol):
    """How long a stage trains. epochs: at most."""

    epochs: int

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What changes the optimizer's numbers or ends the training, by the validation score of that name in the logs.

        learning_rate: the optimizer's, at the start. Of a batch's hooks `on_train_batch_begin` is called, which may set
        the optimizer's numbers; weights and moments are with the device until the epoch's end (`machine.steps`).
        """


@dataclass(frozen=True)
class Plateau:
    """The learning rate falls by a factor when the score has not risen for so many epochs, and training ends."""

    epochs: int
    plateau_factor: float
    plateau_patience: int
    minimum_learning_rate: float
    stop_patience: int

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """Keras' plateau and early stopping."""
        import keras

        return [
            keras.callbacks.ReduceLROnPlateau(
                monitor,
                mode="max",
                min_delta=0,
                factor=self.plateau_factor,
                patience=self.plateau_patience,
                min_lr=self.minimum_learning_rate,
            ),
            keras.callbacks.EarlyStopping(monitor, mode="max", patience=self.stop_patience),
        ]


@dataclass(frozen=True)
class SawTooth:
    """The learning rate follows a cosine down and up again, for ever, from the optimizer's own to a least one.

    epochs: of the training; half_period: epochs from the highest to the least rate.
    """

    epochs: int
    half_period: int
    minimum_learning_rate: float

    def rate(self, epoch: int, learning_rate: float) -> float:
        """The rate of an epoch, counted from 0; learning_rate: the highest.

        That of PyTorch's CosineAnnealingLR, stepped once an epoch (Loshchilov and Hutter, "SGDR", ICLR 2017).
        """
        return self.along_cosine(epoch / self.half_period, learning_rate)

    def along_cosine(self, share: float, learning_rate: float) -> float:
        """The rate after a share of the way from the highest, `learning_rate`, to the least."""
        height = (1 + math.cos(math.pi * share)) / 2
        return self.minimum_learning_rate + (learning_rate - self.minimum_learning_rate) * height

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What sets each epoch's rate as it begins, whatever came before."""
        import keras

        return [keras.callbacks.LearningRateScheduler(lambda epoch, _: self.rate(epoch, learning_rate))]


@dataclass(frozen=True)
class SawToothUntilFlat(SawTooth):
    """The same, until the score has not risen for `stop_patience` epochs in a row."""

    stop_patience: int

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What sets each epoch's rate, and Keras' early stopping."""
        import keras

        stop = keras.callbacks.EarlyStopping(monitor, mode="max", patience=self.stop_patience)
        return [*super().callbacks(monitor, learning_rate), stop]


@dataclass(frozen=True)
class WarmRestarts(SawToothUntilFlat):
    """The rate falls along a cosine, and jumps back to the highest; each fall takes `longer` times as many epochs.

    half_period: epochs of the first fall. As PyTorch's CosineAnnealingWarmRestarts (Loshchilov and Hutter, ICLR 2017).
    """

    longer: int

    def rate(self, epoch: int, learning_rate: float) -> float:
        """The rate of an epoch, counted from 0; learning_rate: the highest."""
        length = self.half_period
        while epoch >= length:
            epoch, length = epoch - length, length * self.longer
        return self.along_cosine(epoch / length, learning_rate)


@dataclass(frozen=True)
class OneCycle:
    """Batch by batch the rate rises along a cosine, and falls along another; beta1 falls and rises.

    epochs: of the training; rising: the share of its batches; start_factor, end_factor: of the optimizer's learning
    rate, which is the highest, at the first and the last batch; betas: beta1 at the ends and at the highest rate.

    Source: Smith and Topin, "Super-convergence", 2017, with PyTorch's OneCycleLR's cosines.
    """

    epochs: int
    rising: float
    start_factor: float
    end_factor: float
    betas: tuple[float, float]

    def at(self, step: int, steps: int, learning_rate: float) -> tuple[float, float]:
        """Learning rate and beta1 of a batch, counted from 0, of so many in all; learning_rate: the highest."""
        top = self.rising * steps - 1  # the batch of the highest rate; not a whole number, and -1 where none rises
        outer, inner = self.betas
        if step <= top:
            share, end = (1 + math.cos(math.pi * step / top)) / 2 if top else 0.0, self.start_factor
        else:
            share, end = (1 - math.cos(math.pi * (step - top) / (steps - top - 1))) / 2, self.end_factor
        return learning_rate * (1 + (end - 1) * share), inner + (outer - inner) * share

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What sets each batch's numbers before it is trained on, whatever came before."""
        import keras

        schedule = self

        class OneCycleOfBatches(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
                self.epoch = epoch

            def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
                steps = self.params["steps"]
                numbers = schedule.at(self.epoch * steps + batch, schedule.epochs * steps, learning_rate)
                self.model.optimizer.learning_rate, self.model.optimizer.beta_1 = numbers

            def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
                logs["learning_rate"] = float(self.model.optimizer.learning_rate)  # of its last batch, for the curves

        return [OneCycleOfBatches()]
