"""Builds the residual nets in Keras."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, layers

from stagewise.nets.clip_normalization import ClipNormalization
from stagewise.nets.net import Grid, MapSource
from stagewise.nets.residual import WHOLE, Axes, ResidualNet, layer_name, stage_ends

EPSILON = 1e-5  # of every norm, as in PyTorch


def build(net: ResidualNet, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> keras.Model:
    """The net that tells stalled (1) from flowing (0), with random weights.

    Input `clip`: (B, T, H, W, channels) uint8, 0-255; the preprocessing is the first layer. `fc`: (B, 1) float32, the
    log odds of "stalled"; output `probability`: (B, 1) float32, its sigmoid; both also under a mixed precision policy.

    seed: of the initial weights; no global random state is read. Convolutions are normal with standard deviation
    sqrt(2 / (filters x kernel volume)) (He et al., "Delving deep into rectifiers", ICCV 2015, by fan out), the dense
    layer is uniform in +-1 / sqrt(its inputs), PyTorch's default: both winners' start.
    data_format: where the convolutions have their channels, "channels_last" or "channels_first"; input, output and
    weights are the same.
    """
    maker = _KerasLayers(np.random.default_rng(seed), net.batch_norm_momentum, data_format)
    clip = keras.Input((*net.input_shape, net.channels), dtype="uint8", name="clip")
    scale, offset = net.preprocessing()
    # in float32 whatever the policy: bfloat16 would not leave 256 levels of grey apart
    x = layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(clip)
    if data_format == "channels_first":
        x = layers.Permute((4, 1, 2, 3), name="channels_first")(x)
    x = net.stages(maker, x)[-1]
    return keras.Model(clip, maker.head(x), name=type(net).__name__.lower())


def map_source(net: ResidualNet, model: keras.Model, block: int) -> MapSource:
    """What a heat map behind a stage is taken from: `nets.net.Net.map_source`."""
    ends, last, dense = stage_ends(net), len(net.blocks), model.get_layer("fc")
    active = model.get_layer(ends[block - 1]).output

    def slopes(means: np.ndarray) -> np.ndarray:
        """The dense layer's weights, whatever the means (Zhou et al., "CAM", CVPR 2016)."""
        return np.repeat(dense.get_weights()[0].T, len(means), axis=0)

    return MapSource(
        features=active,
        active=active,
        channels=1 if model.get_layer("avgpool").data_format == "channels_first" else -1,
        # what takes every second voxel sees as far to either side of it
        grid=Grid(first=(0, 0, 0), steps=net.sizes().steps[block - 1]),
        log_odds=(dense.output, np.ones(1, np.float32)),
        slopes=slopes if block == last else None,
    )


class _KerasLayers:
    """Adds layers to a tensor of (B, T, H, W, channels); one generator seeds them all, in their order."""

    def __init__(self, generator: np.random.Generator, batch_norm_momentum: float | None, data_format: str) -> None:
        self.generator = generator
        self.batch_norm_momentum = batch_norm_momentum
        self.place = {"data_format": data_format}
        self.axis = 1 if data_format == "channels_first" else -1  # the channels'

    def seed(self) -> int:
        return int(self.generator.integers(2**31))

    def channels(self, x: KerasTensor) -> int:
        return x.shape[self.axis]

    def convolve(self, x: KerasTensor, filters: int, kernel: Axes, strides: Axes, name: str) -> KerasTensor:
        name, padding = layer_name(name), "same"  # which pads both ends alike, but not with strides
        if strides != WHOLE and kernel != WHOLE:
            half = tuple(length // 2 for length in kernel)
            x, padding = layers.ZeroPadding3D(half, name=f"{name}_pad", **self.place)(x), "valid"
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", self.seed())
        options = {"padding": padding, "use_bias": False, "kernel_initializer": start, "name": name, **self.place}
        return layers.Conv3D(filters, kernel, strides, **options)(x)

    def normalize(self, x: KerasTensor, name: str) -> KerasTensor:
        options = {"axis": self.axis, "epsilon": EPSILON, "name": layer_name(name)}
        if self.batch_norm_momentum is None:
            return ClipNormalization(**options)(x)
        return layers.BatchNormalization(momentum=self.batch_norm_momentum, **options)(x)

    def relu(self, x: KerasTensor, name: str) -> KerasTensor:
        return layers.Activation("relu", name=layer_name(name))(x)

    def add(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        return layers.Add(name=layer_name(name))([x, y])

    def max_pool(self, x: KerasTensor, name: str) -> KerasTensor:
        x = layers.ZeroPadding3D(1, name=f"{name}_pad", **self.place)(x)  # nothing is below 0 behind a ReLU
        return layers.MaxPooling3D(3, strides=2, name=name, **self.place)(x)

    def head(self, x: KerasTensor) -> KerasTensor:
        """The mean over the map, its log odds, its probability; the last two in float32 whatever the policy."""
        x = layers.GlobalAveragePooling3D(name="avgpool", **self.place)(x)
        bound = 1 / np.sqrt(x.shape[-1])
        kernel, bias = (keras.initializers.RandomUniform(-bound, bound, self.seed()) for _ in range(2))
        options = {"kernel_initializer": kernel, "bias_initializer": bias, "dtype": "float32"}
        x = layers.Dense(1, name="fc", **options)(x)
        return layers.Activation("sigmoid", dtype="float32", name="probability")(x)
