"""Predicting with trained folds: what is predicted by which weights, checked first, then done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stagewise import paths, runs
from stagewise.augment import Resize
from stagewise.errors import InputError
from stagewise.plans import volumes_of
from stagewise.projects import projects_of
from stagewise.splits import Split, read_split
from stagewise.tables import read_submission_format
from stagewise.workers import WorkerPool

if TYPE_CHECKING:
    import keras

Answering = Callable[[Sequence[Path], str], np.ndarray]


@dataclass(frozen=True)
class InferencePlan:
    """Trained folds of one stage, and the clips they answer.

    `configs` and `weights` have an entry a fold; `table` holds the clips: a column filename, and out of fold
    stalled and fold too, and what `projects_of` knows.
    """

    stage: str
    folds: list[int]
    configs: list[dict[str, Any]]
    weights: list[Path]
    table: pd.DataFrame
    volumes: tuple[Path, ...]

    @property
    def filenames(self) -> pd.Series:
        """The clips' videos, in the order of the answers."""
        return self.table["filename"]

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that the folds were trained by, as plain values."""
        return self.configs[0]["recipe"]

    @property
    def resize(self) -> Resize:
        """What is done to a clip before the net."""
        return Resize(runs.net_of(self.configs[0]).input_shape)

    @property
    def weights_sha256(self) -> dict[str, str]:
        """Hash of each fold's best weights; a threshold belongs to them."""
        return {str(fold): c["best"]["sha256"] for fold, c in zip(self.folds, self.configs, strict=True)}

    def __str__(self) -> str:
        return f"{self.stage}: folds {', '.join(map(str, self.folds))}, {len(self.table)} clips, 8 flips each"


def plan_out_of_fold(stage: str, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Each fold's own validation clips, all of them. Raises InputError naming what is missing."""
    split, folds, configs = _trained(stage, split_path, asked_folds)
    projects = projects_of(split)  # of all tiers, since the stages before were trained on all
    if configs[0]["recipe"]["tier1_only"]:
        split = read_split(split_path, tier1_only=True)
    table = split.table[split.table["fold"].isin(folds)].reset_index(drop=True)
    table = table[["filename", "stalled", "fold"]].merge(projects, on="filename", how="left")
    return _plan(stage, folds, configs, table, "train")


def plan_test(stage: str, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Every video of submission_format, in its order. Raises InputError naming what is missing."""
    _, folds, configs = _trained(stage, split_path, asked_folds)
    table = read_submission_format(paths.input_folder() / "submission_format.csv")
    return _plan(stage, folds, configs, table[["filename"]], "test")


def _trained(stage: str, split_path: Path | None, asked_folds: Sequence[int] | None) -> tuple[Split, list, list]:
    split = read_split(split_path)
    folds = split.chosen_folds(asked_folds)
    configs = [runs.finished_config(stage, fold, split.sha256) for fold in folds]
    nets = [runs.net_of(config) for config in configs]
    for fold, net in zip(folds, nets, strict=True):
        if net != nets[0]:
            raise InputError(
                f"folds {folds[0]} and {fold} of {stage} hold different nets; train them with the same --preset: "
                f"{runs.train_command(stage, [fold], configs[0])} --force"
            )
    return split, folds, configs


def _plan(stage: str, folds: list, configs: list, table: pd.DataFrame, subset: str) -> InferencePlan:
    weights = [runs.best_weights(stage, fold, config) for fold, config in zip(folds, configs, strict=True)]
    return InferencePlan(stage, folds, configs, weights, table, volumes_of(subset, table["filename"]))


def predict_out_of_fold(plan: InferencePlan, workers: int) -> pd.DataFrame:
    """Each clip's probability from the net that never saw it.

    Returns: the plan's table with probability (mean over eight flips) and unflipped (of the clip as it is), rows as in
    the split.
    """
    from stagewise.tta import FLIPS, with_flips

    answers = np.empty((len(plan.table), len(FLIPS)))
    nets = load_nets(plan)
    model = with_flips(nets[0])  # one model for all folds, which Keras compiles once
    with WorkerPool(workers) as pool:
        for fold, net in zip(plan.folds, nets, strict=True):
            nets[0].set_weights(net.get_weights())
            rows = np.flatnonzero(plan.table["fold"] == fold)
            volumes = [plan.volumes[row] for row in rows]
            answers[rows] = answering(model, plan, pool)(volumes, f"fold {fold}")[:, :, 0]
    return plan.table.assign(probability=answers.mean(axis=1), unflipped=answers[:, 0])


def load_nets(plan: InferencePlan) -> list:
    """The plan's folds as fused nets, in the precision of the recipe."""
    from stagewise import device
    from stagewise.ensemble import load_fused

    device.set_precision(plan.recipe["gpu_precision"])
    return [load_fused(runs.net_of(c), w) for c, w in zip(plan.configs, plan.weights, strict=True)]


def predict_test(plan: InferencePlan, workers: int) -> np.ndarray:
    """Probabilities of the test clips, (n, folds): all folds in one model, mean over eight flips."""
    from stagewise.ensemble import merge
    from stagewise.tta import with_flips

    with WorkerPool(workers) as pool:
        return answering(with_flips(merge(load_nets(plan))), plan, pool)(plan.volumes, "test").mean(axis=1)


def answering(model: "keras.Model", plan: InferencePlan, pool: WorkerPool) -> Answering:
    """The model, compiled for the engine in use, as a function of volumes and the words of its progress line.

    It answers (n, ...) float64, in the volumes' order, as often as it is asked. On OpenVINO with the weights that the
    model has now; Keras compiles a model at its first answer, once and for any weights.
    """
    from stagewise import device
    from stagewise.engines import predictor
    from stagewise.predict import predict_volumes

    images = int(np.prod(model.output_shape[1:-1]))  # that the nets see for a clip: 8 with flips
    clips = plan.recipe["batch_size"] if device.gpus() else 8 // images  # on a CPU, more than 8 at once are no faster
    answer = predictor(model, plan.recipe["openvino_precision"])

    def answers(volumes: Sequence[Path], what: str) -> np.ndarray:
        line = f"{plan.stage} {what}"
        return predict_volumes(answer, volumes, plan.resize, pool, clips, line).astype(np.float64)

    return answers
