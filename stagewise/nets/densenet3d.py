"""DenseNet in 3D for clips of (T, H, W), with the 2D net's layer names."""

from collections.abc import Sequence
from itertools import count, takewhile

import keras
import numpy as np
from keras import KerasTensor, layers
from scipy.special import expit

from stagewise.messages.errors import InputError
from stagewise.nets import gpu_layers
from stagewise.nets.densenet import BOTTLENECK, DenseNet3D
from stagewise.nets.net import Grid, MapSource

# keras.applications' "torch" mode, the one that its DenseNet weights were trained with; RGB order, applied to
# the channels as they come (BGR here), as the winner did
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
EPSILON = 1.001e-5  # of every BatchNorm, as in keras.applications


def densenet3d(net: DenseNet3D, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> keras.Model:
    """The net that tells stalled (1) from flowing (0), with random weights.

    Input `clip`: (B, T, H, W, 3) uint8 BGR, 0-255; the preprocessing is the first layer. Output
    `probability`: (B, 1) float32 of "stalled", also under a mixed precision policy. With the recipe's page it
    has 11,895,489 parameters. Every layer up to `relu` that holds weights is named as in
    keras.applications.DenseNet121, so that 2D weights find their place by name.

    net: the sizes; any number of blocks from one up.
    seed: of the initial weights and of dropout; no global random state is read.
    data_format: where the convolutions have their channels, "channels_last" or "channels_first"; input, output and
    weights are the same.
    Raises: InputError if an axis of the input is too short for the poolings.

    Source: Huang et al., "Densely connected convolutional networks", CVPR 2017, with each 2D layer in 3D.
    """
    _check(net)
    builder = _Builder(np.random.default_rng(seed), net.batch_norm_momentum, data_format)
    clip = keras.Input((*net.input_shape, 3), dtype="uint8", name="clip")
    x = _preprocessing()(clip)
    if data_format == "channels_first":
        x = layers.Permute((4, 1, 2, 3), name="channels_first")(x)
    x = builder.stem(x, net.stem_filters)
    for number, depth in enumerate(net.blocks, start=2):  # the stem counts as conv1
        x = builder.dense_block(x, depth, net.growth_rate, f"conv{number}")
        if number <= len(net.blocks):
            x = builder.transition(x, net.reduction, f"pool{number}")
    x = builder.batch_norm(x, "bn")
    x = layers.Activation("relu", name="relu")(x)
    return keras.Model(clip, builder.head(x, net), name="densenet3d")


def backbone(model: keras.Model) -> keras.Model:
    """The part of `densenet3d` without a head, sharing the model's layers and weights.

    Maps `clip` to the output of `relu`, (B, t, h, w, channels); weights loaded into it are the model's.
    """
    return keras.Model(model.input, model.get_layer("relu").output, name="backbone")


def block_norms(model: keras.Model) -> list[layers.BatchNormalization]:
    """The BatchNorm behind each dense block; the ReLU behind it is named alike, with `relu` for `bn`."""
    names = {layer.name for layer in model.layers}
    between = takewhile(names.__contains__, (f"pool{number}_bn" for number in count(2)))
    return [model.get_layer(name) for name in (*between, "bn")]


def map_source(model: keras.Model, block: int) -> MapSource:
    """What a heat map behind a dense block is taken from: `nets.net.Net.map_source`."""
    norms = block_norms(model)
    norm = norms[block - 1]
    logit = model.get_layer("probability").get_weights()[0][:, 0]

    def slopes(means: np.ndarray) -> np.ndarray:
        """Of logit = sigmoid(means @ hidden + bias) @ logit + a constant, by the means."""
        hidden, bias = model.get_layer("head").get_weights()
        units = expit(means @ hidden + bias)
        return (units * (1 - units) * logit) @ hidden.T

    return MapSource(
        features=norm.output,
        active=model.get_layer(norm.name.removesuffix("bn") + "relu").output,
        channels=norm.axis,
        # stem and first pooling see as far to either side of every fourth voxel; an average lies between two
        grid=Grid(first=(2**block - 2,) * 3, steps=(2 ** (block + 1),) * 3),
        log_odds=(model.get_layer("head").output, logit),
        slopes=slopes if norm is norms[-1] else None,
    )


def shortest_axis(blocks: int) -> int:
    """The least length, in frames or pixels, that leaves one voxel behind the last pooling.

    Stem and first pooling halve and round up, each of the `blocks - 1` transitions halves and rounds down:
    29 for four blocks.
    """
    return 2 ** (blocks + 1) - 3


def _check(net: DenseNet3D) -> None:
    if not net.blocks or min(net.blocks) < 1:
        raise InputError(f"a net needs at least one block of at least one layer, not blocks={net.blocks}")
    least = shortest_axis(len(net.blocks))
    if len(net.input_shape) != 3 or min(net.input_shape) < least:
        raise InputError(
            f"input_shape={net.input_shape} is too small: (T, H, W) of a net of {len(net.blocks)} blocks must "
            f"be at least {least} each; mend it on the recipe's page (stagewise/recipes)"
        )


def _preprocessing() -> keras.layers.Layer:
    """(x / 255 - mean) / std for each channel, as one multiplication and one addition.

    In float32 whatever the policy: bfloat16 would leave 239 to 246 of the 256 levels of grey apart.
    """
    pairs = list(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))
    return layers.Rescaling(
        scale=tuple(1 / (255 * std) for _, std in pairs),
        offset=tuple(-mean / std for mean, std in pairs),
        dtype="float32",
        name="preprocessing",
    )


class _Builder:
    """Adds layers to a tensor of (B, T, H, W, channels); one generator seeds them all, in their order."""

    def __init__(self, generator: np.random.Generator, batch_norm_momentum: float, data_format: str) -> None:
        self.generator = generator
        self.batch_norm_momentum = batch_norm_momentum
        self.place = {"data_format": data_format}
        self.channels = 1 if data_format == "channels_first" else -1  # their axis

    def seed(self) -> int:
        return int(self.generator.integers(2**31))

    def convolution(self, x: KerasTensor, filters: int, size: int, name: str, **options) -> KerasTensor:
        glorot = keras.initializers.GlorotUniform(seed=self.seed())
        options |= self.place
        strided = "strides" in options and self.channels == -1 and gpu_layers.wanted()
        made = gpu_layers.Conv3D if strided else layers.Conv3D
        return made(filters, size, use_bias=False, kernel_initializer=glorot, name=name, **options)(x)

    def batch_norm(self, x: KerasTensor, name: str) -> KerasTensor:
        options = {"epsilon": EPSILON, "momentum": self.batch_norm_momentum, "name": name}
        return gpu_layers.norm_over(self.channels)(self.channels, **options)(x)

    def normalized(self, x: KerasTensor, name: str) -> KerasTensor:
        x = self.batch_norm(x, f"{name}_bn")
        return layers.Activation("relu", name=f"{name}_relu")(x)

    def stem(self, x: KerasTensor, filters: int) -> KerasTensor:
        x = layers.ZeroPadding3D(3, name="conv1_pad", **self.place)(x)
        x = self.convolution(x, filters, 7, "conv1_conv", strides=2)
        x = self.normalized(x, "conv1")
        x = layers.ZeroPadding3D(1, name="pool1_pad", **self.place)(x)
        return layers.MaxPooling3D(3, strides=2, name="pool1", **self.place)(x)

    def dense_block(self, x: KerasTensor, depth: int, growth_rate: int, name: str) -> KerasTensor:
        for number in range(1, depth + 1):
            x = self.dense_layer(x, growth_rate, f"{name}_block{number}")
        return x

    def dense_layer(self, x: KerasTensor, growth_rate: int, name: str) -> KerasTensor:
        grown = self.normalized(x, f"{name}_0")
        grown = self.convolution(grown, BOTTLENECK * growth_rate, 1, f"{name}_1_conv")
        grown = self.normalized(grown, f"{name}_1")
        grown = self.convolution(grown, growth_rate, 3, f"{name}_2_conv", padding="same")
        return layers.Concatenate(self.channels, name=f"{name}_concat")([x, grown])

    def transition(self, x: KerasTensor, reduction: float, name: str) -> KerasTensor:
        x = self.normalized(x, name)
        x = self.convolution(x, int(x.shape[self.channels] * reduction), 1, f"{name}_conv")
        return layers.AveragePooling3D(2, name=f"{name}_pool", **self.place)(x)

    def head(self, x: KerasTensor, net: DenseNet3D) -> KerasTensor:
        x = layers.GlobalAveragePooling3D(name="avg_pool", **self.place)(x)
        # sigmoid, not relu: the winner's head
        x = self.dense(x, net.head_units, "head", dtype=None)
        x = layers.Dropout(net.dropout, seed=self.seed(), name="head_dropout")(x)
        # float32 whatever the policy: 16 bits would round probabilities near 1 to 1
        return self.dense(x, 1, "probability", dtype="float32")

    def dense(self, x: KerasTensor, units: int, name: str, dtype: str | None) -> KerasTensor:
        glorot = keras.initializers.GlorotUniform(seed=self.seed())
        return layers.Dense(units, activation="sigmoid", kernel_initializer=glorot, dtype=dtype, name=name)(x)
