"""Fuses a small 3D net with kito, which knows Keras 2 alone: `tf_keras` serves it under the name `keras`.

python tests/oracles/kito_fusion.py WEIGHTS.npz FUSED.npz

Reads the arrays of `build(keras)` in the order of get_weights(), and the clips `batch`; writes the fused
net's weights as `<BatchNorm's name>/0` (kernel) and `/1` (bias), and its `outputs`.
"""

import sys

import numpy as np


def build(keras):
    """Two convolutions that BatchNorm follows, one that it does not, and a BatchNorm that follows none."""
    layers = keras.layers
    clip = keras.Input((6, 8, 8, 3), name="clip")
    x = layers.Conv3D(5, 3, strides=2, use_bias=False, padding="same", name="first_conv")(clip)
    x = layers.BatchNormalization(epsilon=1.001e-5, name="first_bn")(x)
    x = layers.Activation("relu", name="first_relu")(x)
    grown = layers.Conv3D(4, 1, name="second_conv")(x)
    grown = layers.BatchNormalization(name="second_bn")(grown)
    x = layers.Concatenate(name="concat")([x, grown])
    x = layers.BatchNormalization(name="alone_bn")(x)
    x = layers.Conv3D(2, 3, name="last_conv", padding="same")(x)
    return keras.Model(clip, layers.GlobalAveragePooling3D(name="pool")(x))


def main(weights_path: str, fused_path: str) -> None:
    import tf_keras

    for name in ("", ".layers", ".models"):
        sys.modules[f"keras{name}"] = sys.modules[f"tf_keras{name}"]
    import kito

    given = np.load(weights_path)
    model = build(tf_keras)
    model.set_weights([given[f"arr_{number}"] for number in range(len(model.weights))])
    fused = kito.reduce_keras_model(model)
    arrays = {
        f"{layer.name}/{number}": weight for layer in fused.layers for number, weight in enumerate(layer.get_weights())
    }
    np.savez(fused_path, outputs=fused(given["batch"], training=False).numpy(), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
