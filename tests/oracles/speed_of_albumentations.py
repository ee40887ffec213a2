"""The second place's chain by us and by albumentations 0.4.6 or 2.0.8, whichever is installed, on one core.

    PYTHONPATH=. python tests/oracles/speed_of_albumentations.py [CLIPS] [REPEATS]

In an environment of its own: albumentations-0.4.6.txt, or `pip install albumentations==2.0.8`. Clips are noise, 60
frames of 160x160 each, (T, H, W, 1) for us and (H, W, T) for the library. Printed: milliseconds a clip in the order of
the turns, of wall clock and of CPU; the second counts on a machine that does other work besides.
"""

import os
import random
import statistics
import sys
import time
import warnings
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import albumentations as theirs
from winners_chains import SECOND_PLACE

from stagewise.augment import augment

SHAPE = (60, 160, 160)
OLD = theirs.__version__.startswith("0.")


def their_chain():
    """The same steps, as near as the version has them."""
    if OLD:
        noise = theirs.GaussNoise(var_limit=(10, 50), p=1), theirs.IAAAdditiveGaussianNoise(p=1)
        elastic = theirs.ElasticTransform(alpha=120, sigma=7.5, alpha_affine=3.6, p=1)
        optical = theirs.OpticalDistortion(distort_limit=1, shift_limit=3.6, p=1)
        blur, move = theirs.GaussianBlur(p=1), {"value": 0}
    else:
        shared = {"noise_type": "gaussian", "spatial_mode": "shared"}
        ranges = {"mean_range": (0, 0), "std_range": (0.01, 0.05)}
        noise = (
            theirs.GaussNoise(std_range=(0.0124, 0.0277), p=1),
            theirs.AdditiveNoise(**shared, noise_params=ranges, p=1),
        )
        elastic = theirs.ElasticTransform(alpha=120, sigma=7.5, noise_distribution="uniform", p=1)
        optical = theirs.OpticalDistortion(distort_limit=1, p=1)
        blur, move = theirs.GaussianBlur(blur_limit=(3, 7), p=1), {"fill": 0}
    factors = theirs.MultiplicativeNoise(multiplier=(0.5, 1.5), per_channel=True, elementwise=True, p=1)
    levels = theirs.RandomBrightnessContrast(p=1), theirs.RandomGamma(p=1)
    grid = theirs.GridDistortion(p=1)
    moved = theirs.ShiftScaleRotate(
        shift_limit=0.1, scale_limit=0.2, rotate_limit=10, border_mode=cv2.BORDER_CONSTANT, p=0.5, **move
    )
    return theirs.Compose(
        [
            theirs.HorizontalFlip(p=0.5),
            theirs.VerticalFlip(p=0.5),
            theirs.RandomRotate90(p=0.5),
            theirs.OneOf(levels, p=0.5),
            theirs.OneOf([blur, *noise, theirs.Blur(blur_limit=7, p=1), factors], p=0.5),
            theirs.OneOf([elastic, grid, optical], p=0.5),
            moved,
        ]
    )


def timed(work):
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main(clips=40, repeats=5):
    warnings.simplefilter("ignore")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 256, (*SHAPE, 1), np.uint8)
    image = np.ascontiguousarray(volume[..., 0].transpose(1, 2, 0))
    chain = their_chain()

    def peer():
        for _ in range(clips):
            result = chain(image=image)["image"]
            np.ascontiguousarray(result[..., ::-1] if random.random() < 0.5 else result)

    def ours():
        for _ in range(clips):
            augment(volume, SECOND_PLACE, rng)

    candidates = {"ours": ours, f"albumentations {theirs.__version__}": peer}
    seconds = {name: [] for name in candidates}
    for turn in range(repeats + 1):
        for name, work in candidates.items():
            found = timed(work)
            if turn:  # the first turn warms up
                seconds[name].append(found)
    for name, found in seconds.items():
        wall, processor = (statistics.median(kind) / clips * 1e3 for kind in zip(*found, strict=True))
        print(f"{name}: {wall:.1f} ms a clip, {processor:.1f} of CPU")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
