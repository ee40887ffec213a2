"""The gradients of every tiny net, for a test that compares processors.

python tests/tiny_gradients.py FILE

Writes: FILE, .npz: of DenseNet3D and each net of `tiny_residual.EVERY` its weights' gradients, by their place.
"""

import sys

import numpy as np
from tiny_residual import EVERY, noise


def main(path: str) -> None:
    from stagewise.machine import device

    device.prepare("none")
    import keras
    import tensorflow as tf
    from tiny import NET

    found = {}
    for number, net in enumerate((NET, *EVERY)):
        model = net.build(seed=9, data_format="channels_last")
        with tf.GradientTape() as tape:
            answers = model(noise(net), training=True)
            loss = keras.ops.mean(keras.ops.square(answers - 0.5))
        for place, gradient in enumerate(tape.gradient(loss, model.trainable_variables)):
            found[f"{number}_{place}"] = keras.ops.convert_to_numpy(gradient)
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
