"""What is minimised, and by which optimizer: Keras' own, made when a training begins."""

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

        return keras.optimizers.Adam(self.learning_rate, **_accumulation(self))


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

        return keras.optimizers.AdamW(
            self.learning_rate,
            self.weight_decay,
            epsilon=self.epsilon,
            **_accumulation(self),
        )


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

        options = {"beta_2": self.beta_2, "epsilon": self.epsilon}
        return SettableAdam(self.learning_rate, **options, **_accumulation(self))


@dataclass(frozen=True)
class ClippedAdam:
    """Adam of gradients that are clipped together, and to which a share of each weight is added then.

    clip: the largest norm over all parameters; decay: that share, biases' and BatchNorm's too; accumulation_steps: as
    Adam's.
    """

    learning_rate: float
    clip: float
    decay: float
    accumulation_steps: int

    def made(self) -> "keras.optimizers.Optimizer":
        """Keras' Adam with the decay within the gradient; its own would be beside it, decoupled."""
        from stagewise.recipes.coupled_adam import CoupledAdam

        options = {"epsilon": 1e-8, "global_clipnorm": self.clip}  # epsilon: the winner's, of PyTorch
        return CoupledAdam(self.learning_rate, decay=self.decay, **options, **_accumulation(self))


def _accumulation(optimizer: Optimizer) -> dict[str, int]:
    """Keras' option for it; one batch is none."""
    steps = optimizer.accumulation_steps
    return {"gradient_accumulation_steps": steps} if steps > 1 else {}
