"""The pneumothorax winner's loss, from logits."""

import keras
from keras import KerasTensor, ops

EPSILON = 1e-6  # winner's: makes Dice of an empty batch and an empty answer 1
LEAST, LEAST_TOTAL = 1e-8, 1e-5  # winner's bounds


class ComboLoss(keras.losses.Loss):
    """a cross-entropy + b (1 - Dice) + c focal loss, the Dice of all pixels of a batch at once.

    With logit x, mask t and p = sigmoid(x): the cross-entropy is the mean of max(x, 0) - x t + log(1 + exp(-|x|)); Dice
    is (2 sum(p t) + 1e-6) / (sum p + sum t + 1e-6) (Milletari et al., "V-Net", 3DV 2016); focal loss the mean of
    -(1 - q)^2 log q, q being the probability of the truth (Lin et al., ICCV 2017, gamma 2, without alpha). A batch
    without positives has a Dice term of almost 1 and almost no gradient from it.
    """

    def __init__(self, cross_entropy: float, dice: float, focal: float) -> None:
        """The three weights."""
        super().__init__(name="combo", reduction=None, dtype="float32")  # 16 bits cannot sum a million pixels
        self.weights = (cross_entropy, dice, focal)

    def call(self, y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
        """The batch's loss, a scalar. y_true: (B, H, W, 1), 0 or 1; y_pred: logits of the same shape."""
        parts = (cross_entropy(y_true, y_pred), dice_loss(y_true, y_pred), focal_loss(y_true, y_pred))
        total = sum(weight * part for weight, part in zip(self.weights, parts, strict=True))
        return ops.maximum(total, LEAST_TOTAL)


def cross_entropy(mask: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """The mean over all pixels."""
    return ops.mean(ops.relu(logits) - logits * mask + ops.log1p(ops.exp(-ops.abs(logits))))


def dice_loss(mask: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """1 - Dice of all pixels together."""
    probability = ops.sigmoid(logits)
    common = ops.sum(probability * mask)
    return 1 - (2 * common + EPSILON) / (ops.sum(probability) + ops.sum(mask) + EPSILON)


def focal_loss(mask: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """The mean over all pixels."""
    # the mask's bounds keep the logarithm finite: in float32 the upper one of the probability is 1
    probability, mask = (ops.clip(values, LEAST, 1 - LEAST) for values in (ops.sigmoid(logits), mask))
    of_truth = (1 - mask) * (1 - probability) + mask * probability
    return ops.mean(-((1 - of_truth) ** 2) * ops.log(of_truth))
