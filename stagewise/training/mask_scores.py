"""How an epoch's net does on the validation images."""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np

from stagewise.messages.errors import DIVERGED_MEND, NumericalError
from stagewise.recipes.mask_rules import Triplet
from stagewise.scores.mask_counts import MaskCounts, count_image, dice_of, joined

Answered = Iterator[tuple[np.ndarray, np.ndarray]]


class MaskScores(keras.callbacks.Callback):
    """Put the Dice of validation into the logs, by the best of some rules, and the cross-entropy.

    val_dice: the mean over all images; val_dice_positive, val_dice_negative: over those with a mask, and without
    (NaN where all have one); val_top, val_area, val_bottom: that rule's; val_loss: the mean cross-entropy of a pixel.
    The rule is chosen on the images that it is scored on, as the winner did: out of fold r41 says what others choose.
    """

    def __init__(self, answered: Callable[[], Answered], triplets: Sequence[tuple[float, int, float]]) -> None:
        """answered: yields logits (B, H, W) float32 and masks (B, H, W) of 0 and 1; triplets: of `TopEpochs`."""
        super().__init__()
        self.answered, self.rules = answered, [Triplet(*triplet) for triplet in triplets]

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Score the epoch. Raises NumericalError where a logit is not finite."""
        counts, losses = self._counted(epoch)
        dice = [dice_of(counts, rule) for rule in self.rules]
        best = int(np.argmax([of_rule.mean() for of_rule in dice]))
        rule, positive = self.rules[best], counts.positive
        logs["val_loss"] = float(np.mean(losses))
        logs["val_dice"] = float(dice[best].mean())
        logs["val_dice_positive"] = float(dice[best][positive].mean())
        logs["val_dice_negative"] = float("nan") if positive.all() else float(dice[best][~positive].mean())
        logs["val_top"], logs["val_area"], logs["val_bottom"] = rule.top, float(rule.area), rule.bottom

    def _counted(self, epoch: int) -> tuple[MaskCounts, list[float]]:
        counts, losses = [], []
        for logits, masks in self.answered():
            if not np.isfinite(logits).all():
                raise NumericalError(f"a validation answer is not finite after epoch {epoch + 1}; {DIVERGED_MEND}")
            exponential = np.exp(-np.abs(logits))
            losses += np.mean(np.maximum(logits, 0) - logits * masks + np.log1p(exponential), axis=(1, 2)).tolist()
            probabilities = np.where(logits > 0, 1, exponential) / (1 + exponential)
            counts += [count_image(*pair) for pair in zip(probabilities.astype(np.float32), masks, strict=True)]
        return joined(counts), losses
