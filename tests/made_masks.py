"""Converted X-rays, finished folds of the demo's nets without training, and probabilities not far from the truth."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd

from stagewise.files import paths, xray_paths
from stagewise.folds import runs
from stagewise.folds.formats import FORMAT
from stagewise.folds.versions import versions
from stagewise.masks.plans import plan_out_of_fold, plan_test
from stagewise.masks.store import Store, out_of_fold_store, test_store
from stagewise.recipes.pneumothorax import EXPERIMENTS, demo
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.starts import RandomStart
from stagewise.volumes.grey_images import save_grey
from stagewise.volumes.run_lengths import encoded
from stagewise.xrays.conversion_index import CONVERSION_INDEX

PART, SIDE, FOLDS, SNAPSHOTS = "at512", 128, (0, 1), (2, 3)
NETS = ("albunet_public", "seunet")
Weights = Callable[[Recipe, tuple[int, int]], bytes]
QUARANTINED = "cut<b>off"
TEST_NAMES = ("t3", "t0", QUARANTINED, "t1", "<i>t2")  # in the sample submission's order


def stage_of(net: str) -> str:
    return EXPERIMENTS[net][PART].name


def recipe_of(net: str) -> Recipe:
    """The demo's, from random weights, at a size that all nets take."""
    return changed(demo(EXPERIMENTS[net][PART]), input_shape=(SIDE // 2, SIDE // 2), start=RandomStart())


def make_data(count: int = 14) -> None:
    """Images of noise, half with a brighter ellipse, which is their mask; folds 0 and 1, and some always trained on."""
    generator = np.random.default_rng(0)
    names = [f"x{number}" for number in range(count)]
    masks = [_save("train", name, number % 2 == 0, generator) for number, name in enumerate(names)]
    folds = [(number // 2) % 3 for number in range(count)]
    folds = [-1 if fold == 2 else fold for fold in folds]
    split = pd.DataFrame({"filename": names, "positive": [int(mask.any()) for mask in masks], "fold": folds})
    split.to_csv(xray_paths.split_csv(), index=False)
    _write_index("train", names, masks)
    tested = [name for name in TEST_NAMES if name != QUARANTINED]
    truths = [_save("test", name, number % 2 == 0, generator) for number, name in enumerate(tested)]
    _write_index("test", tested, truths, quarantined=QUARANTINED)
    xray_paths.sample_submission().parent.mkdir(parents=True)
    pd.DataFrame({"ImageId": TEST_NAMES, "EncodedPixels": "-1"}).to_csv(xray_paths.sample_submission(), index=False)
    known = dict(zip(tested, map(encoded, truths), strict=True)) | {QUARANTINED: "-1"}
    table = pd.DataFrame({"ImageId": list(known), "EncodedPixels": list(known.values())})
    table.to_csv(xray_paths.phantom_answers(), index=False)


def _save(subset: str, name: str, positive: bool, generator: np.random.Generator) -> np.ndarray:
    """Write an image, and its mask if it has one; returns the mask."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if positive:
        centre, axes = generator.integers(40, 90, 2), generator.integers(10, 30, 2)
        cv2.ellipse(mask, centre.tolist(), axes.tolist(), 0, 0, 360, 255, -1)
        if subset == "train":
            save_grey(xray_paths.mask_path(name), mask)
    noise = generator.normal(90, 30, mask.shape) + mask / 4
    save_grey(xray_paths.image_path(subset, name), np.clip(noise, 0, 255).astype(np.uint8))
    return mask


def _write_index(
    subset: str, names: Sequence[str], masks: Sequence[np.ndarray], quarantined: str | None = None
) -> None:
    rows = [
        {
            **dict.fromkeys(CONVERSION_INDEX, ""),
            "filename": name,
            "height": SIDE,
            "width": SIDE,
            "photometric": "MONOCHROME2",
            "mask_pixels": int(np.count_nonzero(mask)) if subset == "train" else 0,
            "sha256": paths.sha256_of(xray_paths.image_path(subset, name)),
            "status": "ok",
            "dicom_bytes": 9,
        }
        for name, mask in zip(names, masks, strict=True)
    ]
    if quarantined:
        zeros = dict.fromkeys(("height", "width", "mask_pixels", "dicom_bytes"), 0)
        bad = {"filename": quarantined, "status": "quarantined", "reason": "is cut off <b>here</b>"}
        rows.append({**dict.fromkeys(CONVERSION_INDEX, ""), **zeros, **bad})
    pd.DataFrame(rows).to_csv(xray_paths.index(subset), index=False)


WEIGHTS: dict[tuple, bytes] = {}  # files, by recipe and seed


def weights_of(recipe: Recipe, seed: tuple[int, int]) -> bytes:
    """The file of a net's random weights, made once."""
    key = (recipe.name, seed)
    if key not in WEIGHTS:
        with tempfile.TemporaryDirectory() as folder:
            recipe.net.build(seed).save_weights(Path(folder) / runs.BEST_WEIGHTS)
            WEIGHTS[key] = (Path(folder) / runs.BEST_WEIGHTS).read_bytes()
    return WEIGHTS[key]


def make_trainings(*nets: str, folds: Sequence[int] = FOLDS, weights: Weights = weights_of) -> None:
    """Finished folds of random weights, another seed for each file."""
    for net in nets:
        recipe = recipe_of(net)
        for fold in folds:
            files = {runs.snapshot_weights(epoch): (epoch, fold) for epoch in SNAPSHOTS}
            write_fold(recipe, fold, files | {runs.BEST_WEIGHTS: (SNAPSHOTS[0], fold)}, weights)


def write_fold(recipe: Recipe, fold: int, files: dict[str, tuple[int, int]], weights: Weights = weights_of) -> None:
    """One finished fold. files: of weights, each with the seed of its net; weights: makes their content."""
    folder = paths.fold_folder(recipe.name, fold)
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in files.items():
        (folder / name).write_bytes(weights(recipe, seed))
    sha256 = {name: paths.sha256_of(folder / name) for name in files}
    split = xray_paths.split_csv()
    config = {
        "format": FORMAT,
        "recipe": recipe.as_dict(),
        "fold": fold,
        "seed": 3,
        "split": {"file": paths.shown(split), "sha256": paths.sha256_of(split)},
        "start": {"from": "random", "sha256": None},
        "versions": versions(),
        "device": "keras 0 on nothing 0: CPU, 1 cores",
        "finished": True,
        "best": {"epoch": SNAPSHOTS[0] - 1, "dice": 0.7, "sha256": sha256[runs.BEST_WEIGHTS]},
        "snapshots": {str(epoch): {"dice": 0.7, "sha256": sha256[runs.snapshot_weights(epoch)]} for epoch in SNAPSHOTS},
    }
    runs.write_json(folder / runs.CONFIG, config)
    scores = np.linspace(0.5, 0.7, 4) + fold / 100
    named = ("val_dice", "val_dice_positive", "val_dice_negative")
    history = {"epoch": range(4), "loss": 1 - scores, "val_loss": 0.3 - scores / 5} | dict.fromkeys(named, scores)
    pd.DataFrame(history).to_csv(folder / runs.HISTORY, index=False)


def answer(net: str, seed: int = 0) -> None:
    """Put probabilities not far from the truth where r41 and r42 would put the net's."""
    stage, generator = EXPERIMENTS[net][PART], np.random.default_rng(seed)
    seen, tested = plan_out_of_fold(stage, None, None), plan_test(stage, None, None)
    for plan, store in ((seen, out_of_fold_store(seen)), (tested, test_store(tested))):
        _fill(plan.recipe, store, [_bright(path) for path in plan.volumes], generator)


def _bright(path: Path) -> np.ndarray:
    """The brighter part of an image, which is its mask: (SIDE, SIDE) float32, about 0-1."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
    return (cv2.GaussianBlur(image, (0, 0), 6) - 95) / 40


def _fill(recipe: Recipe, store: Store, masks: Sequence[np.ndarray], generator: np.random.Generator) -> None:
    side = recipe.net.input_shape[0]
    with store.opened(force=False) as missing:
        for name, mask in zip(store.wanted, masks, strict=True):
            assert name in missing
            small = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
            noise = cv2.GaussianBlur(generator.normal(0, 1, small.shape), (0, 0), 2)
            store.save(name, np.clip(small + noise, 0, 1).astype(np.float32))


def mirrored_mean(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """The net's answer to one image (H, W) uint8 and its mirror image, in plain numbers: (H, W)."""
    logits = [model.predict_on_batch(view[None, ..., None])[0, ..., 0] for view in (image, image[:, ::-1].copy())]
    seen, mirrored = (1 / (1 + np.exp(-values.astype(np.float64))) for values in logits)
    return (seen + mirrored[:, ::-1]) / 2
