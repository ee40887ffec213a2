"""Cross-entropy of probabilities that are as near to 0 or 1 as float32 has them."""

import keras
import numpy as np
from keras import KerasTensor, ops

LEAST = float(np.finfo(np.float32).tiny)  # whose logarithm is -87; PyTorch's loss ends at -100


class WholeCrossEntropy(keras.losses.Loss):
    """The mean cross-entropy of labels and probabilities, both (B, 1).

    Keras' own ends at 1e-7 of either side, and its gradient there: a stalled clip that is surely taken for a flowing
    one would teach nothing. Above log odds of 17 float32 has no probability but 1, so that a flowing clip teaches
    nothing there, as in PyTorch.
    """

    def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
        """(B,)"""
        labels, probabilities = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        of_truth = labels * probabilities + (1 - labels) * (1 - probabilities)
        return ops.mean(-ops.log(ops.maximum(of_truth, LEAST)), axis=-1)
