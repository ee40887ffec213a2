"""Layers of Keras with the names of their peers in PyTorch, for clips and for images."""

from math import prod

import keras
import numpy as np
from keras import KerasTensor, layers

from stagewise.nets import gpu_layers
from stagewise.nets.clip_normalization import ClipNormalization
from stagewise.nets.grouped_convolution import GroupedConvolution
from stagewise.nets.maker import BY_FAN_IN, BY_FAN_OUT, UNIFORM, Axes, layer_name, whole

EPSILON = 1e-5  # of every norm, as in PyTorch
STARTS = {  # scale, mode and distribution; uniform of a scale s has its bounds at +-sqrt(3 s / fan)
    BY_FAN_OUT: (2.0, "fan_out", "untruncated_normal"),
    BY_FAN_IN: (2.0, "fan_in", "untruncated_normal"),
    UNIFORM: (1 / 3, "fan_in", "uniform"),
}
CONVOLUTIONS = {2: layers.Conv2D, 3: layers.Conv3D}
PADDINGS = {2: layers.ZeroPadding2D, 3: layers.ZeroPadding3D}
POOLINGS = {2: layers.MaxPooling2D, 3: layers.MaxPooling3D}


class KerasLayers:
    """Adds layers to a tensor of (B, ..., channels); one generator seeds them all, in their order."""

    def __init__(self, generator: np.random.Generator, batch_norm_momentum: float | None, data_format: str) -> None:
        self.generator = generator
        self.batch_norm_momentum = batch_norm_momentum
        self.place = {"data_format": data_format}
        self.axis = 1 if data_format == "channels_first" else -1  # the channels'

    def seed(self) -> int:
        return int(self.generator.integers(2**31))

    def channels(self, x: KerasTensor) -> int:
        return x.shape[self.axis]

    def convolve(
        self,
        x: KerasTensor,
        filters: int,
        kernel: Axes,
        strides: Axes,
        name: str,
        groups: int = 1,
        bias: bool = False,
        start: str = BY_FAN_OUT,
        dtype: str | None = None,
    ) -> KerasTensor:
        name, padding = layer_name(name), "same"  # which pads both ends alike, but not with strides
        if strides != whole(strides) and kernel != whole(kernel):
            half = tuple(length // 2 for length in kernel)
            x, padding = PADDINGS[len(kernel)](half, name=f"{name}_pad", **self.place)(x), "valid"
        options = {"padding": padding, "use_bias": bias, "name": name, "dtype": dtype, **self.place}
        options["kernel_initializer"] = keras.initializers.VarianceScaling(*STARTS[start], self.seed())
        if bias and start == UNIFORM:
            bound = 1 / np.sqrt(prod(kernel) * self.channels(x) // groups)
            options["bias_initializer"] = keras.initializers.RandomUniform(-bound, bound, self.seed())
        if groups > 1:
            return GroupedConvolution(filters, kernel, strides, groups=groups, **options)(x)
        return CONVOLUTIONS[len(kernel)](filters, kernel, strides, **options)(x)

    def normalize(self, x: KerasTensor, name: str) -> KerasTensor:
        options = {"axis": self.axis, "epsilon": EPSILON, "name": layer_name(name)}
        if self.batch_norm_momentum is None:
            return ClipNormalization(**options)(x)
        return gpu_layers.norm_over(self.axis)(momentum=self.batch_norm_momentum, **options)(x)

    def relu(self, x: KerasTensor, name: str) -> KerasTensor:
        return layers.Activation("relu", name=layer_name(name))(x)

    def sigmoid(self, x: KerasTensor, name: str) -> KerasTensor:
        return layers.Activation("sigmoid", name=layer_name(name))(x)

    def add(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        return layers.Add(name=layer_name(name))([x, y])

    def multiply(self, x: KerasTensor, gate: KerasTensor, name: str) -> KerasTensor:
        return layers.Multiply(name=layer_name(name))([x, gate])

    def maximum(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        return layers.Maximum(name=layer_name(name))([x, y])

    def concatenate(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        return layers.Concatenate(self.axis, name=layer_name(name))([x, y])

    def mean(self, x: KerasTensor, name: str) -> KerasTensor:
        return layers.GlobalAveragePooling2D(keepdims=True, name=layer_name(name), **self.place)(x)

    def max_pool(self, x: KerasTensor, name: str, length: int = 3, both_ends: bool = True) -> KerasTensor:
        name, rank, padding = layer_name(name), len(x.shape) - 2, "same"  # which adds at the far end what is missing
        if both_ends:  # nothing is below 0 behind a ReLU
            x, padding = PADDINGS[rank](1, name=f"{name}_pad", **self.place)(x), "valid"
        return POOLINGS[rank](length, strides=2, padding=padding, name=name, **self.place)(x)

    def double(self, x: KerasTensor, way: str, name: str) -> KerasTensor:
        return layers.UpSampling2D(2, interpolation=way, name=layer_name(name), **self.place)(x)
