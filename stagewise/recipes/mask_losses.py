"""What is minimised where a net answers with a mask."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Combo:
    """A weighted sum of cross-entropy, Dice of the whole batch, and focal loss; not divided by the weights' sum."""

    cross_entropy: float
    dice: float
    focal: float

    def made(self) -> "keras.losses.Loss":
        """Keras' loss of masks of 0 and 1 and logits, both (B, H, W, 1)."""
        from stagewise.recipes.combo_loss import ComboLoss

        return ComboLoss(self.cross_entropy, self.dice, self.focal)

    def stalled_weight(self, stalled: np.ndarray) -> None:
        """All images count alike."""

    def fitted_share(self, drawn: float) -> float:
        """As drawn."""
        return drawn
