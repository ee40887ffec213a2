"""Builds the residual nets in Keras."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, layers

from stagewise.nets.keras_layers import KerasLayers
from stagewise.nets.net import Grid, MapSource
from stagewise.nets.residual import ResidualNet, stage_ends


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
    maker = KerasLayers(np.random.default_rng(seed), net.batch_norm_momentum, data_format)
    clip = keras.Input((*net.input_shape, net.channels), dtype="uint8", name="clip")
    scale, offset = net.preprocessing()
    # in float32 whatever the policy: bfloat16 would not leave 256 levels of grey apart
    x = layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(clip)
    if data_format == "channels_first":
        x = layers.Permute((4, 1, 2, 3), name="channels_first")(x)
    x = net.stages(maker, x)[-1]
    return keras.Model(clip, _head(maker, x), name=type(net).__name__.lower())


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


def _head(maker: KerasLayers, x: KerasTensor) -> KerasTensor:
    """The mean over the map, its log odds, its probability; the last two in float32 whatever the policy."""
    x = layers.GlobalAveragePooling3D(name="avgpool", **maker.place)(x)
    bound = 1 / np.sqrt(x.shape[-1])
    kernel, bias = (keras.initializers.RandomUniform(-bound, bound, maker.seed()) for _ in range(2))
    options = {"kernel_initializer": kernel, "bias_initializer": bias, "dtype": "float32"}
    x = layers.Dense(1, name="fc", **options)(x)
    return layers.Activation("sigmoid", dtype="float32", name="probability")(x)
