"""Trained nets over X-rays: the mean of their probabilities, image after image, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from stagewise.data.mask_batches import stream_images
from stagewise.machine import device
from stagewise.machine.engines import answered, predictor
from stagewise.machine.workers import WorkerPool
from stagewise.masks.store import Store, out_of_fold_store, test_store
from stagewise.messages.progress import progress
from stagewise.prediction.ensemble import loaded_in_turn
from stagewise.prediction.inference import InferencePlan

GROUP = 2**30  # bytes of the images that one net after another sees: 200 of 1024x1024, and loading a net is then little
PIXEL = 5  # bytes that a pixel of them takes: its grey value, and the sum of its probabilities

MeanPredictor = Callable[[Sequence[Path], Sequence[Path], str], Iterator[np.ndarray]]


def mean_predictor(plan: InferencePlan, pool: WorkerPool, group: int = GROUP) -> MeanPredictor:
    """A function of files of weights, of images, and of the words of its progress line.

    It yields (H, W) float32, 0-1, an image at a time in their order: the mean over the files' nets, of which one is in
    memory at a time, and over the views of the recipe's answer. group: bytes of images that are held at a time.
    """
    recipe = plan.recipe
    device.set_precision(recipe.gpu_precision)
    net, load = loaded_in_turn(recipe.net)
    model, batch = recipe.answer.shown(net), recipe.batch_size
    height, width = recipe.net.input_shape
    count = max(group // (PIXEL * height * width) // batch, 1) * batch  # whole batches, so that no answer hangs on it

    def answers(files: Sequence[Path], images: Sequence[Path], what: str) -> Iterator[np.ndarray]:
        with progress(len(images) * len(files), f"{plan.stage} {what}", "answers") as line:
            for start in range(0, len(images), count):
                seen = _read(images[start : start + count])
                sums = np.zeros(seen.shape[:3], np.float32)
                for file in files:
                    load(file)
                    predict = predictor(model, recipe.answer.openvino_precision)
                    for part, answer in answered(predict, _batches(seen, sums, batch)):
                        part += answer[: len(part), ..., 0]
                        line.advance(len(part))
                yield from np.clip(sums / np.float32(len(files)), 0, 1)  # the last bit of a sum of ones

    def _read(images: Sequence[Path]) -> np.ndarray:
        """(n, H, W, 1) uint8."""
        seen = np.empty((len(images), height, width, 1), np.uint8)
        first = 0
        for pairs in stream_images(images, np.zeros(len(images), int), recipe.prepared, pool, batch):
            seen[first : first + len(pairs)] = pairs[..., :1]
            first += len(pairs)
        return seen

    return answers


def _batches(seen: np.ndarray, sums: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Parts of the sums, and their images (size, H, W, 1): views, but for the last, filled up with its last image."""
    for first in range(0, len(seen), size):
        images = seen[first : first + size]
        if missing := size - len(images):
            images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        yield sums[first : first + size], images


def fill_out_of_fold(plan: InferencePlan, workers: int, force: bool = False, group: int = GROUP) -> Store:
    """Predict what is not there yet, each image by its own fold's nets."""
    store = out_of_fold_store(plan)
    fold_of = dict(zip(plan.table["filename"], plan.table["fold"], strict=True))
    with store.opened(force) as missing:
        jobs = [
            (files, [name for name in missing if fold_of[name] == fold], f"fold {fold}")
            for fold, files in zip(plan.folds, plan.weights, strict=True)
        ]
        _fill(store, plan, jobs, workers, group)
    return store


def fill_test(plan: InferencePlan, workers: int, force: bool = False, group: int = GROUP) -> Store:
    """Predict what is not there yet, each test image by the nets of all folds."""
    store, files = test_store(plan), [file for of_fold in plan.weights for file in of_fold]
    with store.opened(force) as missing:
        _fill(store, plan, [(files, missing, "test")], workers, group)
    return store


def _fill(
    store: Store,
    plan: InferencePlan,
    jobs: Sequence[tuple[Sequence[Path], Sequence[str], str]],
    workers: int,
    group: int,
) -> None:
    """jobs: files of weights, images that these answer, and words of the progress line."""
    jobs = [job for job in jobs if job[1]]
    if not jobs:
        return
    path_of = dict(zip(plan.table["filename"], plan.volumes, strict=True))
    with WorkerPool(workers) as pool:
        answers = mean_predictor(plan, pool, group)
        for files, names, what in jobs:
            for name, probabilities in zip(names, answers(files, [path_of[n] for n in names], what), strict=True):
                store.save(name, probabilities)
