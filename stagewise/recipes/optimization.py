"""What is minimised, by which optimizer, and how the learning rate goes: Keras' own, made when a training begins."""

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

    def callbacks(self, monitor: str) -> list["keras.callbacks.Callback"]:
        """What changes the learning rate or ends the training, by the validation score of that name in the logs."""


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
class Plateau:
    """The learning rate falls by a factor when the score has not risen for so many epochs, and training ends."""

    epochs: int
    plateau_factor: float
    plateau_patience: int
    minimum_learning_rate: float
    stop_patience: int

    def callbacks(self, monitor: str) -> list["keras.callbacks.Callback"]:
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
