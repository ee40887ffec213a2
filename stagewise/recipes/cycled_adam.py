"""Adam whose beta1 can be set between two batches."""

import keras
from keras import KerasTensor


class SettableAdam(keras.optimizers.Adam):
    """Keras' Adam with beta1 as a variable; Keras' own is a number, which a compiled step keeps for ever.

    The bias correction takes the present beta1, as PyTorch's does.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """The moments, and how far beta1 is from the one it was made with: 0, so that zeroed variables are a start."""
        if not self.built:
            super().build(variables)
            self._shift = self.add_variable((), name="beta_1_shift")

    @property
    def beta_1(self) -> float | KerasTensor:
        """The decay of the first moment."""
        return self._beta_1 + self._shift if self.built else self._beta_1

    @beta_1.setter
    def beta_1(self, value: float) -> None:
        if getattr(self, "built", False):
            self._shift.assign(value - self._beta_1)
        else:
            self._beta_1 = value
