"""How trained folds answer: what a net is shown of a clip, and how its answers become one."""

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras

AXES = (0, 1, 2)  # of a clip (T, H, W, C)
FLIPS = tuple(axes for count in range(len(AXES) + 1) for axes in combinations(AXES, count))


class Answer(Protocol):
    """From a net and a clip to one probability. openvino_precision: what OpenVINO predicts in, "bf16" or "f32"."""

    openvino_precision: str

    @property
    def views(self) -> int:
        """How many times a net looks at a clip."""

    def shown(self, model: "keras.Model") -> "keras.Model":
        """A model of every view: from (B, T, H, W, 3) uint8 to (B, views, k), the clip as it is first."""

    def of_views(self, answers: np.ndarray) -> np.ndarray:
        """One answer of all views: (n, views, k) to (n, k)."""

    def of_folds(self, answers: np.ndarray) -> np.ndarray:
        """One probability of all folds: (n, folds), NaN where a fold was not asked, to (n,)."""


@dataclass(frozen=True)
class FlippedMean:
    """The mean over the clip's eight mirror images, and over the folds."""

    openvino_precision: str

    @property
    def views(self) -> int:
        """Eight, the clip as it is among them."""
        return len(FLIPS)

    def shown(self, model: "keras.Model") -> "keras.Model":
        """A model of every mirror image, in the order of `FLIPS`, sharing the weights of `model`.

        model: from one input (B, T, H, W, 3) uint8 to (B, k) probabilities. The inner model sees 8 x B clips at once,
        and a clip travels to the device once.
        """
        import keras

        clip = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype, name="clip")
        shape, answers = clip.shape[1:], model.outputs[0].shape[-1]
        # axis 0 of the batch counts its clips
        mirrored = [keras.ops.flip(clip, [axis + 1 for axis in axes]) if axes else clip for axes in FLIPS]
        flat = keras.ops.reshape(keras.ops.stack(mirrored, axis=1), (-1, *shape))
        return keras.Model(clip, keras.ops.reshape(model(flat), (-1, len(FLIPS), answers)), name="with_flips")

    def of_views(self, answers: np.ndarray) -> np.ndarray:
        """Their mean."""
        return answers.mean(axis=1)

    def of_folds(self, answers: np.ndarray) -> np.ndarray:
        """The mean of those that were asked."""
        return np.nanmean(answers, axis=1)


@dataclass(frozen=True)
class AsItIs:
    """One look at the clip; the mean over the folds."""

    openvino_precision: str

    @property
    def views(self) -> int:
        """One."""
        return 1

    def shown(self, model: "keras.Model") -> "keras.Model":
        """The model, its answers (B, 1, k) for the one view."""
        import keras

        (clip,), answers = model.inputs, model.outputs[0]
        return keras.Model(clip, keras.ops.expand_dims(answers, 1), name="as_it_is")

    def of_views(self, answers: np.ndarray) -> np.ndarray:
        """That of the only one."""
        return answers[:, 0]

    def of_folds(self, answers: np.ndarray) -> np.ndarray:
        """The mean of those that were asked."""
        return np.nanmean(answers, axis=1)
