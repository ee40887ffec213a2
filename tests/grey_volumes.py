"""Volumes that the tests of augmentation work on."""

import cv2
import numpy as np

SHAPE = (9, 21, 26, 3)


def noise_volume(shape=SHAPE, dtype=np.uint8, seed=0):
    """Any grey level anywhere."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8).astype(dtype)


def smooth_volume(shape=SHAPE, seed=0):
    """Float32 grey levels of 60-200 that change slowly, away from both ends of the range."""
    volume = np.random.default_rng(seed).random(shape, np.float32)
    volume = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in volume]).reshape(shape)
    return (60 + 140 * (volume - volume.min()) / np.ptp(volume)).astype(np.float32)


def drawn(transform, count, shape=SHAPE):
    """The parameters of so many draws, one after the other."""
    rng = np.random.default_rng(1)
    return [transform.draw(rng, shape) for _ in range(count)]
