"""Runs a net on clips with whatever backend KERAS_BACKEND names, and without TensorFlow unless it is that.

python tests/oracles/forward.py NET.json NET.weights.h5 CLIPS.npy PROBABILITIES.npy
"""

import json
import os
import sys

import numpy as np


def main(net_path: str, weights_path: str, clips_path: str, probabilities_path: str) -> None:
    from stagewise.machine import device

    print(device.prepare())
    from stagewise.nets.densenet import DenseNet3D
    from stagewise.nets.densenet3d import densenet3d

    with open(net_path) as file:  # noqa: PTH123
        model = densenet3d(DenseNet3D(**json.load(file)), seed=9)
    model.load_weights(weights_path)
    model.compile(jit_compile=device.jit_compile())
    np.save(probabilities_path, model.predict_on_batch(np.load(clips_path)))
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
