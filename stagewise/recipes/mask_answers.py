"""How trained folds answer with a mask: what a net is shown of an image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class MirroredMean:
    """The mean of the probabilities of an image and of its mirror image, mirrored back.

    openvino_precision: what OpenVINO predicts in, "bf16" or "f32".
    """

    openvino_precision: str

    @property
    def views(self) -> int:
        """Two, the image as it is among them."""
        return 2

    def shown(self, model: "keras.Model") -> "keras.Model":
        """A model of both views, from (B, H, W, 1) uint8 to probabilities (B, H, W, 1) float32.

        model: to logits. Probabilities are averaged, not logits, as the winner did.
        """
        import keras

        image = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype, name="image")
        seen, mirrored = (keras.ops.sigmoid(model(view)) for view in (image, keras.ops.flip(image, 2)))
        return keras.Model(image, (seen + keras.ops.flip(mirrored, 2)) / 2, name="with_mirror")
