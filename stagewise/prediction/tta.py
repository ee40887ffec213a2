"""Test-time augmentation: the answers to the eight mirror images of a clip, in one pass of one model."""

from itertools import combinations

import keras

AXES = (0, 1, 2)  # of a clip (T, H, W, C)
FLIPS = tuple(axes for count in range(len(AXES) + 1) for axes in combinations(AXES, count))


def with_flips(model: keras.Model) -> keras.Model:
    """A model that answers every clip eight times, sharing the weights of `model`.

    model: from one input (B, T, H, W, 3) uint8 to (B, k) probabilities.

    Returns: a model from such an input to (B, 8, k), flips in the order of `FLIPS`, the unflipped clip first; the
    inner model sees 8 x B clips at once, and a clip travels to the device once.
    """
    clip = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype, name="clip")
    shape, answers = clip.shape[1:], model.outputs[0].shape[-1]
    # axis 0 of the batch counts its clips
    mirrored = [keras.ops.flip(clip, [axis + 1 for axis in axes]) if axes else clip for axes in FLIPS]
    flat = keras.ops.reshape(keras.ops.stack(mirrored, axis=1), (-1, *shape))
    return keras.Model(clip, keras.ops.reshape(model(flat), (-1, len(FLIPS), answers)), name="with_flips")
