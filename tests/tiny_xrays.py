"""The pneumothorax recipe with a tiny net, and X-rays of noise with bright discs: seconds, by the full code path."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd

from stagewise.data.splits import Split
from stagewise.files import xray_paths
from stagewise.nets.unet import AlbuNet
from stagewise.recipes.pneumothorax import ALBUNET_PUBLIC, augmentation
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.starts import RandomStart
from stagewise.training.masks import MASKS
from stagewise.volumes.grey_images import save_grey

SIDE = 64
NET = AlbuNet((SIDE, SIDE), "unit", blocks=(1, 1, 1, 1), widths=(8, 8, 8, 8), decoded=2)


def recipe(part: str = "part0", **changes) -> Recipe:
    """A part of albunet_public's with a tiny net: three epochs, two batches a step, 2 of 3 images with a mask."""
    stage = ALBUNET_PUBLIC[part]
    start = RandomStart() if part == "at512" else stage.start
    numbers = {"share": 2 / 3, "epochs": 3, "learning_rate": 1e-2, "accumulation_steps": 2}
    numbers |= {"count": 2, "preset": "demo"}
    tiny = replace(stage, net=NET, start=start, augmentation=augmentation(SIDE, before=SIDE))
    return changed(tiny, **numbers | changes)


def first_recipe(**changes) -> Recipe:
    """The part that starts at random."""
    return recipe("at512", **changes)


def write_images(subset: str, count: int, seed: int = 0) -> pd.DataFrame:
    """Images of 80x96, every third with a disc and, of `train`, its mask; their rows (filename, positive, fold)."""
    generator, rows = np.random.default_rng(seed), []
    for number in range(count):
        name, positive = f"1.2.840.{1000 + number}", int(number % 3 == 0)
        image = generator.normal(100, 20, (80, 96))
        mask = np.zeros(image.shape, np.uint8)
        if positive:
            cv2.circle(mask, tuple(map(int, generator.integers(20, 60, 2))), 14, 255, cv2.FILLED)
            if subset == "train":
                save_grey(xray_paths.mask_path(name), mask)
        save_grey(xray_paths.image_path(subset, name), np.clip(image + mask / 3, 0, 255).astype(np.uint8))
        rows.append((name, positive, number // 3 % 3))
    return pd.DataFrame(rows, columns=["filename", "positive", "fold"])


def write_split(count: int = 18) -> Split:
    """Images of `train`, and the split in its default place."""
    write_images("train", count).to_csv(xray_paths.split_csv(), index=False)
    return MASKS.split(None)
