"""Puts the tensors of a PyTorch net, under their own names, into a Keras net whose layers are named after them.

`layer1.0.conv1.weight` belongs to the layer `layer1_0_conv1`. Where the tensors come from is no matter here: a file is
read by `torch_weights`.
"""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from stagewise.messages.errors import InputError
from stagewise.nets.maker import layer_name

COUNTER = "num_batches_tracked"  # of a BatchNorm's batches, which nothing but a momentum of None reads
RUNNING = ("running_mean", "running_var")
PARAMETERS = {  # PyTorch's names for Keras' variables
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": RUNNING[0],
    "moving_variance": RUNNING[1],
}

Found = dict[tuple[str, str], tuple[str, np.ndarray]]  # by layer and parameter: the tensor's own name, and the tensor


def load_torch_weights(model: keras.Model, state: Mapping[str, np.ndarray], without: Iterable[str] = ()) -> None:
    """Fill a net with a PyTorch net's state dict, in place; nothing is changed unless everything fits.

    A convolution's kernel (O, I, ...) becomes (..., I, O), a dense layer's (O, I) becomes (I, O). A norm by each clip's
    own statistics takes scale and offset, and leaves the running statistics out.

    state: names and arrays; without: modules, such as "fc", whose layers keep what they have and whose tensors are
    left out. Raises: InputError naming the tensor, if one is missing, superfluous, of another shape, or not finite.
    """
    kept = {layer_name(module) for module in without}
    found = {key: tensor for key, tensor in _by_layer(state).items() if key[0] not in kept}
    layers = [layer for layer in model.layers if layer.weights and layer.name not in kept]
    weights = [[_taken(found, layer, variable) for variable in layer.weights] for layer in layers]
    for layer in layers:
        if not hasattr(layer, "moving_mean"):
            for name in RUNNING:
                found.pop((layer.name, name), None)
    if found:
        names = [name for name, _ in found.values()]
        raise InputError(f"{model.name} has no place for {len(names)} tensors, such as {', '.join(names[:3])}")
    for layer, arrays in zip(layers, weights, strict=True):
        layer.set_weights(arrays)


def _by_layer(state: Mapping[str, np.ndarray]) -> Found:
    found: Found = {}
    for name, array in state.items():
        module, _, parameter = name.rpartition(".")
        key = (layer_name(module), parameter)
        if key in found:
            raise InputError(f"{name} and {found[key][0]} would be weights of the same layer")
        if parameter != COUNTER:
            found[key] = name, array
    return found


def _taken(found: Found, layer: keras.layers.Layer, variable: keras.Variable) -> np.ndarray:
    """Take a variable's tensor from those found, with its axes in Keras' order."""
    parameter = PARAMETERS[variable.name]
    name, array = found.pop((layer.name, parameter), (None, None))
    if name is None:
        raise InputError(f"there is no tensor {parameter!r} for the layer {layer.name}")
    wanted = _in_torch(tuple(variable.shape))
    if array.shape != wanted:
        raise InputError(f"{name} has the shape {array.shape}; the layer {layer.name} needs {wanted}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds values that are not finite")
    return np.moveaxis(array, (1, 0), (-2, -1)) if array.ndim > 1 else array


def _in_torch(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(..., I, O) as (O, I, ...)."""
    return shape if len(shape) < 2 else (shape[-1], shape[-2], *shape[:-2])
