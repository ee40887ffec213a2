"""What is minimised, by which optimizer, and how the learning rate goes: Keras' own, made when a training begins."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras


class Loss(Protocol):
    """What is minimised."""

    def made(self) -> "keras.losses.Loss":
        """Keras' loss of labels and probabilities, both (B, 1)."""

    def stalled_weight(self, stalled: np.ndarray) -> float | None:
        """How often a stalled clip's loss counts; None where all clips count alike. stalled: (n,) of training rows."""

    def fitted_share(self, drawn: float) -> float:
        """The share of stalled clips that probabilities are fitted to. drawn: their share in training's batches."""


class Optimizer(Protocol):
    """How weights follow gradients. learning_rate: at the start of the training."""

    learning_rate: float
    accumulation_steps: int

    def made(self) -> "keras.optimizers.Optimizer":
        """Keras' optimizer."""


class Schedule(Protocol):
    """How long a stage trains. epochs: at most."""

    epochs: int

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What changes the optimizer's numbers or ends the training, by the validation score of that name in the logs.

        learning_rate: the optimizer's, at the start. Of a batch's hooks `on_train_batch_begin` is called.
        """


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """The mean over a batch, all clips alike."""

    def made(self) -> "keras.losses.Loss":
        """Keras' loss of labels and probabilities, both (B, 1)."""
        import keras

        return keras.losses.BinaryCrossentropy()

    def stalled_weight(self, stalled: np.ndarray) -> None:
        """All count alike."""

    def fitted_share(self, drawn: float) -> float:
        """As drawn."""
        return drawn


@dataclass(frozen=True)
class BalancedCrossEntropy(BinaryCrossEntropy):
    """The mean over a batch, in which both classes of the training rows weigh the same."""

    def made(self) -> "keras.losses.Loss":
        """A loss that follows probabilities as far as float32 tells them from 0 and 1."""
        from stagewise.recipes.whole_cross_entropy import WholeCrossEntropy

        return WholeCrossEntropy()

    def stalled_weight(self, stalled: np.ndarray) -> float:
        """As many times as there are flowing clips for a stalled one."""
        return float(np.sum(stalled == 0) / np.sum(stalled == 1))

    def fitted_share(self, drawn: float) -> float:
        """Half, where the batches have the rows' share."""
        return 0.5


@dataclass(frozen=True)
class Adam:
    """Adam without decay (Kingma and Ba, ICLR 2015).

    accumulation_steps: batches whose gradients are averaged into one step of the optimizer.
    """

    learning_rate: float
    accumulation_steps: int

    def made(self) -> "keras.optimizers.Optimizer":
        """Keras' optimizer."""
        import keras

        accumulation = self.accumulation_steps if self.accumulation_steps > 1 else None
        return keras.optimizers.Adam(self.learning_rate, gradient_accumulation_steps=accumulation)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled decay of every parameter, biases and BatchNorm's too (Loshchilov and Hutter, ICLR 2019).

    weight_decay: the share of a weight that a step of learning rate 1 would take off; epsilon: added to the root of the
    second moment; accumulation_steps: as Adam's.
    """

    learning_rate: float
    weight_decay: float
    epsilon: float
    accumulation_steps: int

    def made(self) -> "keras.optimizers.Optimizer":
        """Keras' optimizer, whose other numbers, betas of 0.9 and 0.999, are those of its source."""
        import keras

        accumulation = self.accumulation_steps if self.accumulation_steps > 1 else None
        return keras.optimizers.AdamW(
            self.learning_rate, self.weight_decay, epsilon=self.epsilon, gradient_accumulation_steps=accumulation
        )


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
        share = (1 + math.cos(math.pi * epoch / self.half_period)) / 2
        return self.minimum_learning_rate + (learning_rate - self.minimum_learning_rate) * share

    def callbacks(self, monitor: str, learning_rate: float) -> list["keras.callbacks.Callback"]:
        """What sets each epoch's rate as it begins, whatever came before."""
        import keras

        return [keras.callbacks.LearningRateScheduler(lambda epoch, _: self.rate(epoch, learning_rate))]


@dataclass(frozen=True)
class CycledAdam:
    """Adam whose beta1 a schedule moves, with the learning rate (`OneCycle`).

    beta_2, epsilon: of its source; accumulation_steps: as Adam's.
    """

    learning_rate: float
    beta_2: float
    epsilon: float
    accumulation_steps: int

    def made(self) -> "keras.optimizers.Optimizer":
        """Keras' Adam with beta1 as a variable."""
        from stagewise.recipes.cycled_adam import SettableAdam

        accumulation = self.accumulation_steps if self.accumulation_steps > 1 else None
        options = {"beta_2": self.beta_2, "epsilon": self.epsilon}
        return SettableAdam(self.learning_rate, **options, gradient_accumulation_steps=accumulation)


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
