"""Adam with L2 decay inside the gradient, as PyTorch's Adam has it."""

from typing import Any

import keras
from keras import KerasTensor


class CoupledAdam(keras.optimizers.Adam):
    """Keras' Adam, whose gradients, clipped, get a share of their weights added before the moments see them.

    Keras' own weight_decay is decoupled (Loshchilov and Hutter, ICLR 2019), and a regularizer's gradient would be
    clipped along with the loss's.
    """

    def __init__(self, learning_rate: float, decay: float, **options: Any) -> None:
        """decay: the share, from which the gradient of decay / 2 times the squared weight follows."""
        super().__init__(learning_rate, **options)
        self.decay = decay

    def update_step(self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor) -> None:
        """One variable's step."""
        decay = keras.ops.cast(self.decay * variable, gradient.dtype)
        super().update_step(gradient + decay, variable, learning_rate)
