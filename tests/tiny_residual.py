"""Residual nets and U-Nets of every kind, small enough for a test; and what they answer on another backend.

KERAS_BACKEND=jax python tests/tiny_residual.py FOLDER

Reads the weights `<number>.weights.h5` of the nets in `ANSWERED`; writes `<number>.<backend>.npy`, what they answer.
"""

import os
import sys
from pathlib import Path

import numpy as np

from stagewise.nets.resnet3d import ResNet3D
from stagewise.nets.unet import AlbuNet, ResNetUNet, SCSEUNet, UNet
from stagewise.nets.video_resnet import VideoResNet

TINY = (
    ResNet3D((5, 20, 12), 1, (1, 2), True, (4, 6), 0.9),
    ResNet3D((6, 16, 16), 2, (2, 1), False, (4, 6), None),
    *(VideoResNet(kind, (5, 12, 20), (1, 1), (6, 9), 5) for kind in ("r3d", "mc3", "r2plus1d")),
    VideoResNet("r2plus1d", (4, 12, 12), (1, 1), (6, 9), 5, batch_norm_momentum=0.9),
)
TINY_UNETS = (
    AlbuNet((64, 128), "unit", (1, 2, 1, 1), (8, 9, 10, 12), decoded=5),
    ResNetUNet((64, 32), "imagenet", (1, 1, 2, 1), (8, 9, 10, 11), (8, 6, 4, 4, 3)),
    SCSEUNet((32, 64), "unit", (1, 1, 1, 2), (8, 8, 8, 24), (8, 6, 4, 4, 3), groups=4, reduction=4),
)
EVERY = (*TINY, *TINY_UNETS)
ANSWERED = {"jax": (4, 8), "openvino": (0, 4, 6, 7, 8)}  # of EVERY; XLA compiles one for ten seconds


def noise(net: ResNet3D | VideoResNet | UNet, count: int = 3) -> np.ndarray:
    """Clips or images of a net's input, from dark to bright."""
    generator, shape = np.random.default_rng(1), (*net.input_shape, getattr(net, "channels", 1))
    return np.stack([generator.integers(0, top, shape, np.uint8) for top in np.linspace(60, 256, count)])


def main(folder: Path) -> None:
    from stagewise.machine import device
    from stagewise.machine.engines import predictor

    backend = os.environ["KERAS_BACKEND"]
    device.prepare(engine="openvino" if backend == "openvino" else "keras")
    for number in ANSWERED[backend]:
        net = EVERY[number]
        model = net.build(seed=9, data_format=device.fastest_data_format())
        model.load_weights(folder / f"{number}.weights.h5")
        predict = predictor(model, "f32")
        answers = np.asarray(predict(noise(net)))
        np.save(folder / f"{number}.{backend}.npy", answers)
        if backend == "openvino":  # which could take no batch but the one that it was exported with
            np.testing.assert_allclose(np.asarray(predict(noise(net)[:1])), answers[:1], atol=1e-6)
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(Path(sys.argv[1]))
