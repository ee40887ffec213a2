"""Trainings side by side, each in a root of its own: what the benchmarks that train by the recipe share."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from statistics import mean, stdev

import numpy as np
import pandas as pd
from measure import REPOSITORY, failure

from stagewise.machine.processor import available_cpus
from stagewise.messages.commands import TRAIN, fold_options, script_of
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.recipe import Recipe
from stagewise.scores.score import confusion, is_stalled, mcc_of_counts, roc_auc

STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
SHARED = ("input", "modified_data/roi_parts", "models/imagenet_densenet121_3d.weights.h5")


@dataclass(frozen=True)
class Data:
    """The folder of volumes and inflated weights (in `shared`), split CSVs, truth, and a root for every training."""

    folder: Path

    def split(self, design: str) -> Path:
        """The split CSV of a design."""
        return self.folder / f"{design}.csv"

    def root(self, name: str) -> Path:
        """A `STAGEWISE_ROOT` of its own for one training, with links to what is shared."""
        root = self.folder / name
        for entry in SHARED:
            link = root / entry
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(self.shared / entry)
        return root

    @property
    def shared(self) -> Path:
        """The `STAGEWISE_ROOT` that the data was made in."""
        return self.folder / "shared"

    @property
    def truth(self) -> pd.DataFrame:
        """The test part's answers: filename, stalled."""
        return pd.read_csv(self.folder / "truth.csv")


def stage_recipe(stage: str) -> Recipe:
    """A stage's recipe, as its script has it."""
    return runpy.run_path(str(REPOSITORY / script_of(stage, TRAIN)))["STAGE"]


def script(root: Path, *command: object, core: int | None = None, log: str = "log.txt") -> None:
    """Run a numbered script in a root, on one core if asked for, its output added to a log there.

    Raises StagewiseError where it fails.
    """
    pinned, words = () if core is None else ("taskset", "-c", str(core)), list(map(str, command))
    with (root / log).open("a") as output:
        done = subprocess.run(
            [*pinned, sys.executable, *words],
            cwd=REPOSITORY,
            env={**os.environ, "STAGEWISE_ROOT": str(root)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise StagewiseError(f"{failure(words, done.returncode)}; its message ends {root / log}")


def side_by_side(jobs: Sequence[Callable[[int], None]]) -> None:
    """Do the jobs in their order, as many at once as there are cores; each is called with the core that it may use."""
    cores: SimpleQueue[int] = SimpleQueue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)

    def on_a_core(job: Callable[[int], None]) -> None:
        core = cores.get()
        try:
            job(core)
        finally:
            cores.put(core)

    threads = ThreadPoolExecutor(available_cpus())
    try:
        for _ in threads.map(on_a_core, jobs):
            pass
    finally:
        threads.shutdown(cancel_futures=True)  # after an error or Ctrl-C, nothing more is begun


def answer(data: Data, root: Path, design: str, folds: Sequence[int], core: int | None = None) -> dict[str, float]:
    """Let r41 and r42 answer with the root's trained folds. Returns: the `scores` at r41's threshold."""
    options = ("--split", data.split(design), *fold_options(folds))
    for number in ("r41_process_oof", "r42_process_test"):
        script(root, f"{STAGES[-1]}/{number}.py", *options, core=core)
    table = pd.read_csv(root / "subm" / f"{STAGES[-1]}_test.csv").merge(data.truth, on="filename", validate="1:1")
    threshold = json.loads((root / "models" / STAGES[-1] / "threshold.json").read_text())["threshold"]
    return scores(table["stalled"].to_numpy(), table["probability"].to_numpy(), threshold)


def scores(stalled: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    """AUC; ACC and MCC at the threshold; ACC at 0.5. stalled: (n,) 0 or 1; probability: (n,)."""
    tp, fp, fn, tn = confusion(stalled, is_stalled(probability, threshold))
    return {
        "AUC": roc_auc(stalled, probability),
        "ACC": (tp + tn) / len(stalled),
        "MCC": float(mcc_of_counts(tp, fp, fn, tn)),
        "ACC at 0.5": float(np.mean(is_stalled(probability, 0.5) == stalled)),
    }


def spread(values: Sequence[float]) -> str:
    """Mean and, of more than one, standard deviation."""
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"
