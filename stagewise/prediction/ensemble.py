"""Joins the nets of several folds into one, so that a batch is read and moved to the device once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from stagewise.files.weight_files import load_weights
from stagewise.machine import device
from stagewise.messages.errors import InputError
from stagewise.nets.fuse_bn import fuse, take_weights
from stagewise.nets.net import Net

MEND = "train the fold again, with --force"  # of weights that do not fit


def load_fused(net: Net, weights: Path) -> keras.Model:
    """The trained net with every BatchNorm that follows a convolution folded into it."""
    model = net.build(data_format=device.fastest_data_format())
    load_weights(model, weights, MEND)
    return fuse(model)


def loaded_in_turn(net: Net) -> tuple[keras.Model, Callable[[Path], None]]:
    """A net like `load_fused`'s, and a function that gives it a file's weights, as often as it is called.

    Twenty-five ResNet101s would be 8.5 GB, and nets that are let go stay in memory until Python looks for cycles; one
    that takes all weights in turn is built once, and compiled once by Keras.
    """
    model = net.build(data_format=device.fastest_data_format())
    fused = fuse(model)

    def load(weights: Path) -> None:
        load_weights(model, weights, MEND)
        take_weights(fused, model)

    return fused, load


def merge(models: Sequence[keras.Model]) -> keras.Model:
    """One model with a common input, sharing the weights of all.

    models: each from one input of the same shape and dtype (clips, uint8) to (B, 1) probabilities.

    Returns: a model from such an input to (B, len(models)) float32, a column a model, in their order.
    Raises: InputError if there is no model, or if inputs or outputs differ.
    """
    if not models:
        raise InputError("an ensemble needs at least one model")
    for number, model in enumerate(models):
        _check(number, model, models[0])
    first = models[0].inputs[0]
    clip = keras.Input(batch_shape=first.shape, dtype=first.dtype, name="clip")
    # Each net stays whole as one layer: its own layer names, the same in every net, do not meet. The new name
    # is given to a shell around the same layers, for the caller's model keeps its own.
    nets = [keras.Model(model.input, model.output, name=f"net_{k}") for k, model in enumerate(models)]
    probabilities = [net(clip) for net in nets]
    # float32 whatever the policy, for it would round the nets' float32 probabilities to 16 bits
    joined = keras.layers.Concatenate(dtype="float32", name="probabilities")
    return keras.Model(clip, joined(probabilities) if len(nets) > 1 else probabilities[0], name="ensemble")


def _check(number: int, model: keras.Model, first: keras.Model) -> None:
    found = [(tensor.shape, tensor.dtype) for tensor in (*model.inputs, *model.outputs)]
    wanted = [(tensor.shape, tensor.dtype) for tensor in (*first.inputs, *first.outputs)]
    if found != wanted or len(found) != 2:
        raise InputError(
            f"model {number} of the ensemble goes from and to {found}, the first one {wanted}; "
            "all need one input and one output of the same shape; train the folds with the same recipe"
        )
