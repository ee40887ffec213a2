"""Answers on a Ray cluster: its workers load the nets once, and answer the test videos by the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stagewise.machine import device
from stagewise.machine.cluster_pool import ClusterPool
from stagewise.machine.gpus import NONE, Choice
from stagewise.machine.rounds import batch_size
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.prediction.inference import InferencePlan

BATCH = 100  # videos at most, minutes of work, so that nets that are loaded in turn are loaded for something
CPUS = 4  # of a worker: five nets and their numbers take two gigabytes, as much as a cluster's core mostly has

LOADED: dict[tuple, Callable[[Sequence[Path]], np.ndarray]] = {}  # in a worker, by the weights


@dataclass(frozen=True)
class Part:
    """Videos that one worker answers. plan: with their rows alone; gpu, engine: of `device.prepare_to_predict`."""

    plan: InferencePlan
    gpu: Choice
    engine: str | None

    def __str__(self) -> str:
        return f"{self.plan.filenames.iloc[0]} or one of the {len(self.plan.table) - 1} after it"


def predict_on_cluster(
    plan: InferencePlan, cluster: str, workers: int | None, gpu: Choice = None, engine: str | None = None
) -> np.ndarray:
    """As `predict_test`, by the workers of `--cluster`: as many cores, None for all; on GPUs where it has some.

    gpu: "none" for the cores alone. Raises what `ClusterPool` does.
    """
    with ClusterPool(cluster, workers, CPUS, use_gpus=gpu != NONE) as pool:
        print(pool, flush=True)
        size = batch_size(len(plan.table), pool.workers, BATCH)
        parts = [Part(_rows(plan, start, start + size), gpu, engine) for start in range(0, len(plan.table), size)]
        found = {}
        with progress(len(plan.table), f"{plan.stage} test", "clips") as line:
            for number, probabilities in pool.as_they_come(answer, parts):
                found[number] = probabilities
                line.advance(len(probabilities))
    return np.concatenate([found[number] for number in range(len(parts))])


def _rows(plan: InferencePlan, start: int, end: int) -> InferencePlan:
    """The plan of these rows alone, without the training's, which would go with every message: half a million."""
    split = replace(plan.split, table=plan.split.table[:0])
    table = plan.table[start:end].reset_index(drop=True)
    return replace(plan, split=split, table=table, volumes=plan.volumes[start:end])


def answer(part: Part) -> np.ndarray:
    """Probabilities of the part's videos, (n, folds); the nets stay loaded for the parts to come."""
    from stagewise.prediction.predict import test_predictor

    key = (part.plan.stage, *part.plan.weights_sha256.items())
    if key not in LOADED:
        device.prepare_to_predict(part.gpu, part.engine)
        LOADED[key] = test_predictor(part.plan, WorkerPool(0))
    return LOADED[key](part.plan.volumes)
