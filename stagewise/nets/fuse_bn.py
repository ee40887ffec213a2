"""Folds BatchNorm into the convolution before it: the same outputs with fewer layers."""

import keras
import numpy as np
from keras import layers

from stagewise.nets import gpu_layers

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)


def fuse(model: keras.Model) -> keras.Model:
    """A copy of a functional model for inference, with each foldable BatchNorm folded away.

    A BatchNorm is foldable where it alone reads the output of a convolution that has no activation. With
    scale a = gamma / sqrt(variance + epsilon) per output channel, the kernel becomes kernel x a and the bias
    beta + (bias - mean) x a. All else is copied; the model given is left as it is. Of DenseNet121-3D's, 59 are folded;
    its other 62 stand before a convolution, behind a concatenation, and stay.
    """
    pairs = _foldable(model)
    folded = {bn.name for bn in pairs.values()}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        return gpu_layers.for_answers(layer).from_config(config)

    def call(layer: keras.layers.Layer, *arguments, **options):
        return arguments[0] if layer.name in folded else layer(*arguments, **options)

    fused = keras.models.clone_model(model, clone_function=copy, call_function=call)
    take_weights(fused, model)
    return fused


def take_weights(fused: keras.Model, model: keras.Model) -> None:
    """Put the weights that a model has now into the copy that `fuse` made of it."""
    pairs = _foldable(model)
    folded = {bn.name for bn in pairs.values()}
    for layer in model.layers:
        if layer.weights and layer.name not in folded:
            bn = pairs.get(layer.name)
            weights = layer.get_weights() if bn is None else _folded_weights(layer, bn)
            fused.get_layer(layer.name).set_weights(weights)


def _foldable(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """The BatchNorm to fold, by the name of its convolution."""
    outputs = {id(tensor) for tensor in model.outputs}
    readers: dict[int, list[keras.layers.Layer]] = {}
    for layer in model.layers:
        for tensor in keras.tree.flatten(layer.input):
            readers.setdefault(id(tensor), []).append(layer)
    pairs = {}
    for layer in model.layers:
        if isinstance(layer, CONVOLUTIONS) and layer.activation is keras.activations.linear:
            following = readers.get(id(layer.output), [])
            if len(following) == 1 and id(layer.output) not in outputs and _normalizes(following[0], layer):
                pairs[layer.name] = following[0]
    return pairs


def _normalizes(reader: keras.layers.Layer, convolution: keras.layers.Layer) -> bool:
    """Whether the reader is a BatchNorm over the convolution's channels."""
    rank = len(convolution.output.shape)
    channels = rank - 1 if convolution.data_format == "channels_last" else 1
    return isinstance(reader, layers.BatchNormalization) and reader.axis % rank == channels


def _folded_weights(convolution: keras.layers.Layer, bn: layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of the fused convolution, computed in float64 to round only once."""
    kernel, *rest = (weight.astype(np.float64) for weight in convolution.get_weights())
    bias = rest[0] if rest else 0.0
    variance = keras.ops.convert_to_numpy(bn.moving_variance).astype(np.float64)
    mean = keras.ops.convert_to_numpy(bn.moving_mean).astype(np.float64)
    gamma = keras.ops.convert_to_numpy(bn.gamma) if bn.scale else 1.0
    beta = keras.ops.convert_to_numpy(bn.beta) if bn.center else 0.0
    scale = gamma / np.sqrt(variance + bn.epsilon)
    return [kernel * scale, beta + (bias - mean) * scale]
