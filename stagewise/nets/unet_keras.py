"""Builds the U-Nets in Keras."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from stagewise.nets.keras_layers import KerasLayers
from stagewise.nets.unet import CHANNELS, UNet


def build(net: UNet, seed: int | Sequence[int] = 0, data_format: str = "channels_last") -> keras.Model:
    """The net that tells for every pixel whether it is of a pneumothorax, with random weights.

    Input `image`: (B, H, W, 1) uint8, 0-255; the preprocessing is the first layer. Output `logits`: (B, H, W, 1)
    float32, the log odds, also under a mixed precision policy.

    seed: of the initial weights; no global random state is read.
    data_format: where the convolutions have their channels, "channels_last" or "channels_first"; input, output and
    weights are the same.
    """
    maker = KerasLayers(np.random.default_rng(seed), net.batch_norm_momentum, data_format)
    image = keras.Input((*net.input_shape, 1), dtype="uint8", name="image")
    x = layers.Concatenate(dtype="uint8", name="three_channels")([image] * CHANNELS)
    scale, offset = net.scale()
    # in float32 whatever the policy: bfloat16 would not leave 256 levels of grey apart
    x = layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(x)
    if data_format == "channels_first":
        x = layers.Permute((3, 1, 2), name="channels_first")(x)
    x = net.decoder(maker, net.encoder(maker, x))
    x = maker.convolve(x, 1, (1, 1), (1, 1), "logits", bias=True, start=net.start, dtype="float32")
    if data_format == "channels_first":  # a Reshape would fix the batch's size in OpenVINO
        x = layers.Permute((2, 3, 1), dtype="float32", name="channels_last")(x)
    return keras.Model(image, x, name=type(net).__name__.lower())
