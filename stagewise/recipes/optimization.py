"""What is minimised, by which optimizer, and how the learning rate goes: Keras' own, made when a training begins."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import keras


class Loss(Protocol):
    """What is minimised."""

    def made(self) -> "keras.losses.Loss":
        """Keras' loss of labels and probabilities, both (B, 1)."""


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
        """What changes the learning rate or ends the training, by the validation score of that name in the logs.

        learning_rate: the optimizer's, at the start.
        """


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """The mean over a batch, all clips alike."""

    def made(self) -> "keras.losses.Loss":
        """Keras' loss of labels and probabilities, both (B, 1)."""
        import keras

        return keras.losses.BinaryCrossentropy()


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
