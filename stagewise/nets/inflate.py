"""Turns the weights of a 2D net into those of a 3D net with the same layer names."""

import keras
import numpy as np

from stagewise.messages.errors import InputError


def inflate(model_2d: keras.Model, backbone_3d: keras.Model) -> None:
    """Fill a 3D net with a 2D net's weights, layer by layer of the same name, in place.

    A convolution's kernel (h, w, in, out) is repeated along the frame axis of the 3D kernel and divided by its
    depth, so that a clip constant in time gives what the 2D net gives for its frame; all other weights
    (BatchNorm, biases) are copied. Nothing is changed unless everything fits.

    Raises: InputError naming the layer, if one net has a layer with weights that the other lacks, if shapes
    differ, or if a weight is not finite.

    Source: Carreira and Zisserman, "Quo vadis, action recognition?", CVPR 2017, section 2.4.
    """
    sources, targets = _layers_with_weights(model_2d), _layers_with_weights(backbone_3d)
    alone = sorted(sources.keys() ^ targets.keys())
    if alone:
        raise InputError(
            f"the 2D net {model_2d.name} and the 3D net {backbone_3d.name} are different: "
            f"{len(alone)} layers are in one of them alone, such as {', '.join(alone[:3])}"
        )
    inflated = {name: _inflated(sources[name], targets[name]) for name in targets}
    for name, weights in inflated.items():
        targets[name].set_weights(weights)


def inflate_kernel(kernel: np.ndarray, depth: int) -> np.ndarray:
    """A 2D kernel (h, w, in, out) as a 3D one (depth, h, w, in, out) that sums to it over the depth."""
    return np.repeat(kernel[None] / np.asarray(depth, kernel.dtype), depth, axis=0)


def _layers_with_weights(model: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in model.layers if layer.weights}


def _inflated(source: keras.layers.Layer, target: keras.layers.Layer) -> list[np.ndarray]:
    weights = source.get_weights()
    if isinstance(target, keras.layers.Conv3D):
        weights[0] = inflate_kernel(weights[0], target.kernel_size[0])
    found = [weight.shape for weight in weights]
    wanted = [tuple(weight.shape) for weight in target.weights]
    if found != wanted:
        raise InputError(f"layer {target.name}: the 2D weights inflate to {found}, the 3D net needs {wanted}")
    if not all(np.isfinite(weight).all() for weight in weights):
        raise InputError(f"layer {target.name}: the 2D weights hold values that are not finite")
    return weights
