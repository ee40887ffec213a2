"""Predicting with trained folds: clips streamed through a net, out of fold and for the test set."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from stagewise.data.batches import stream_clips
from stagewise.machine import device
from stagewise.machine.engines import Predictor, answered, predictor
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.prediction.ensemble import load_fused, loaded_in_turn, merge
from stagewise.prediction.inference import InferencePlan
from stagewise.recipes.frames import Prepared
from stagewise.recipes.recipe import Recipe

VolumePredictor = Callable[[Sequence[Path], str], np.ndarray]
FoldPredictor = Callable[[Sequence[Path], Sequence[Path], str], np.ndarray]  # of a fold's files, too


def predict_volumes(
    predict: Predictor,
    volumes: Sequence[Path],
    prepared: Prepared,
    pool: WorkerPool,
    batch_size: int,
    description: str,
    kept: bool = True,
) -> np.ndarray:
    """The net's answers to the volumes, in their order.

    predict: (B, T, H, W, C) uint8 to (B, ...). Every call has `batch_size` clips of one length, the last batch of a
    length being filled up with copies of its last clip, so that the net is compiled for as many shapes as there are
    lengths, and a clip's answer does not hang on its neighbours. description, kept: of the progress line.
    Returns: (n, ...).
    """
    answers: dict[int, np.ndarray] = {}
    with progress(len(volumes), description, "clips", kept) as line:
        for rows, answer in answered(predict, _batches(volumes, prepared, pool, batch_size)):
            answers.update(zip(rows, answer, strict=False))
            line.advance(len(rows))
    return np.stack([answers[row] for row in range(len(volumes))])


def _batches(
    volumes: Sequence[Path], prepared: Prepared, pool: WorkerPool, batch_size: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Rows of the volumes, and their clips (batch_size, T, H, W, C) of one length, in memory of their own."""
    waiting: dict[int, tuple[list[int], np.ndarray]] = {}  # by the clips' length, until a batch is full
    for row, clip in enumerate(itertools.chain.from_iterable(stream_clips(volumes, prepared, pool, batch_size))):
        if len(clip) not in waiting:
            waiting[len(clip)] = [], np.empty((batch_size, *clip.shape), clip.dtype)
        rows, clips = waiting[len(clip)]
        clips[len(rows)] = clip
        rows.append(row)
        if len(rows) == batch_size:
            yield waiting.pop(len(clip))
    for rows, clips in waiting.values():
        clips[len(rows) :] = clips[len(rows) - 1]
        yield rows, clips


def load_nets(plan: InferencePlan, folds: Collection[int] | None = None) -> dict[int, list[keras.Model]]:
    """Of the plan's folds, or some of them, the fused nets that answer, in the recipe's precision and plan's order."""
    device.set_precision(plan.recipe.gpu_precision)
    return {
        fold: [load_fused(plan.recipe.net, file) for file in files]
        for fold, files in zip(plan.folds, plan.weights, strict=True)
        if folds is None or fold in folds
    }


def volume_predictor(model: keras.Model, plan: InferencePlan, pool: WorkerPool) -> VolumePredictor:
    """The model, compiled for the engine in use, as a function of volumes and the words of its progress line.

    It answers (n, ...) float64, in the volumes' order, as often as it is asked, by the weights that the model has now;
    see `engines.predictor`.
    """
    clips, predict = clips_at_once(model, plan.recipe), predictor(model, plan.recipe.answer.openvino_precision)

    def answers(volumes: Sequence[Path], what: str) -> np.ndarray:
        line = f"{plan.stage} {what}"
        return predict_volumes(predict, volumes, plan.recipe.prepared, pool, clips, line).astype(np.float64)

    return answers


def clips_at_once(model: keras.Model, recipe: Recipe) -> int:
    """How many clips of the recipe are answered together by a model that looks at each as often as its output says.

    On a GPU as many as a batch of training has, times the answer's views: DenseNet's 6 clips in 8 flips are 48 images,
    and of a model without flips, which `--adaptive` asks first, 48 clips are no fewer.
    """
    images = int(np.prod(model.output_shape[1:-1]))  # that the nets see for a clip: 8 with flips
    if recipe.never_pads:  # clips that hardly ever share a length
        return recipe.batch_size
    if device.gpus():
        return max(recipe.batch_size * recipe.answer.views // images, 1)
    return max(8 // images, 1)  # on a CPU, more than 8 at once are no faster


def net_after_net(plan: InferencePlan, pool: WorkerPool) -> FoldPredictor:
    """A function of a fold's files of weights, of volumes, and of the words of its progress line.

    It answers (n, views, 1) float64, the mean over the nets of the files, of which one is in memory at a time.
    """
    device.set_precision(plan.recipe.gpu_precision)
    net, load = loaded_in_turn(plan.recipe.net)
    model = plan.recipe.answer.shown(net)

    def answers(files: Sequence[Path], volumes: Sequence[Path], what: str) -> np.ndarray:
        looks = []
        for number, file in enumerate(files, start=1):
            load(file)
            line = f"{what}, net {number} of {len(files)}" if len(files) > 1 else what
            looks.append(volume_predictor(model, plan, pool)(volumes, line))
        return np.mean(looks, axis=0)

    return answers


def predict_out_of_fold(plan: InferencePlan, workers: int) -> pd.DataFrame:
    """Each clip's probability from the net that never saw it, or the mean of the fold's nets.

    Returns: the plan's table with probability (of all views) and unflipped (of the clip as it is), rows as in
    the split.
    """
    answer = plan.recipe.answer
    looks = np.empty((len(plan.table), answer.views, 1))
    with WorkerPool(workers) as pool:
        answers = net_after_net(plan, pool)
        for fold, files in zip(plan.folds, plan.weights, strict=True):
            rows = np.flatnonzero(plan.table["fold"] == fold)
            looks[rows] = answers(files, [plan.volumes[row] for row in rows], f"fold {fold}")
    return plan.table.assign(probability=answer.of_views(looks)[:, 0], unflipped=looks[:, 0, 0])


def predict_test(plan: InferencePlan, workers: int | None) -> np.ndarray:
    """Probabilities of the test clips, (n, folds), by every view of a clip; of several nets of a fold their mean."""
    with WorkerPool(workers) as pool:
        return test_predictor(plan, pool)(plan.volumes)


def test_predictor(plan: InferencePlan, pool: WorkerPool) -> Callable[[Sequence[Path]], np.ndarray]:
    """The plan's folds as a function of volumes, as often as it is asked; it answers as `predict_test` does."""
    answer = plan.recipe.answer
    if max(map(len, plan.weights)) == 1:
        # in one model a batch is read and moved once, which five nets of 12 million parameters gain by
        merged = volume_predictor(answer.shown(merge([net for (net,) in load_nets(plan).values()])), plan, pool)
        return lambda volumes: answer.of_views(merged(volumes, "test"))
    # the second place's twenty-five of 85 million, five a fold, would be 8.5 GB, and reading is little beside them
    answers, pairs = net_after_net(plan, pool), list(zip(plan.folds, plan.weights, strict=True))

    def in_turn(volumes: Sequence[Path]) -> np.ndarray:
        looks = [answers(files, volumes, f"test, fold {fold}") for fold, files in pairs]
        return answer.of_views(np.concatenate(looks, axis=2))

    return in_turn
