"""Predicting with trained folds: clips streamed through a net, out of fold and for the test set."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from stagewise.data.batches import stream_clips
from stagewise.machine import device
from stagewise.machine.engines import predictor
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.prediction.ensemble import load_fused, loaded_in_turn, merge
from stagewise.prediction.inference import InferencePlan
from stagewise.recipes.frames import Prepared

VolumePredictor = Callable[[Sequence[Path], str], np.ndarray]
FoldPredictor = Callable[[Sequence[Path], Sequence[Path], str], np.ndarray]  # of a fold's files, too


def predict_volumes(
    predict: Callable[[np.ndarray], np.ndarray],
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
    waiting: dict[int, list[np.ndarray]] = defaultdict(list)  # by their length, until a batch is full
    rows: dict[int, list[int]] = defaultdict(list)  # theirs

    def answer(length: int) -> None:
        clips, of = np.stack(waiting.pop(length)), rows.pop(length)
        filled = np.concatenate([clips, np.repeat(clips[-1:], batch_size - len(clips), axis=0)])
        answers.update(zip(of, np.asarray(predict(filled)), strict=False))
        line.advance(len(of))

    with progress(len(volumes), description, "clips", kept) as line:
        streamed = itertools.chain.from_iterable(stream_clips(volumes, prepared, pool, batch_size))
        for row, clip in enumerate(streamed):
            waiting[len(clip)].append(clip.copy())  # what streams by is overwritten
            rows[len(clip)].append(row)
            if len(waiting[len(clip)]) == batch_size:
                answer(len(clip))
        for length in list(waiting):
            answer(length)
    return np.stack([answers[row] for row in range(len(volumes))])


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

    It answers (n, ...) float64, in the volumes' order, as often as it is asked. On OpenVINO with the weights that the
    model has now; Keras compiles a model at its first answer, once and for any weights.
    """
    images = int(np.prod(model.output_shape[1:-1]))  # that the nets see for a clip: 8 with flips
    # on a CPU, more than 8 at once are no faster; clips that are never padded hardly ever share a length
    as_trained = device.gpus() or plan.recipe.never_pads
    clips = plan.recipe.batch_size if as_trained else max(8 // images, 1)
    predict = predictor(model, plan.recipe.answer.openvino_precision)

    def answers(volumes: Sequence[Path], what: str) -> np.ndarray:
        line = f"{plan.stage} {what}"
        return predict_volumes(predict, volumes, plan.recipe.prepared, pool, clips, line).astype(np.float64)

    return answers


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


def predict_test(plan: InferencePlan, workers: int) -> np.ndarray:
    """Probabilities of the test clips, (n, folds), by every view of a clip; of several nets of a fold their mean."""
    answer = plan.recipe.answer
    with WorkerPool(workers) as pool:
        if max(map(len, plan.weights)) == 1:
            # in one model a batch is read and moved once, which five nets of 12 million parameters gain by
            model = answer.shown(merge([net for (net,) in load_nets(plan).values()]))
            return answer.of_views(volume_predictor(model, plan, pool)(plan.volumes, "test"))
        # the second place's twenty-five of 85 million, five a fold, would be 8.5 GB, and reading is little beside them
        answers, pairs = net_after_net(plan, pool), zip(plan.folds, plan.weights, strict=True)
        looks = [answers(files, plan.volumes, f"test, fold {fold}") for fold, files in pairs]
    return answer.of_views(np.concatenate(looks, axis=2))
