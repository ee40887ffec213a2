"""What the trainings left behind: a run a stage and fold, from the first stage to the last, and what made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stagewise.data.columns import numbers
from stagewise.data.tables import read_table
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.runs import train_command
from stagewise.messages.errors import InputError
from stagewise.recipes.starts import EarlierPart, ParentSnapshot, ParentStage

SCORES = ("epoch", "loss", "val_loss", "val_auc", "val_mcc")
MASK_SCORES = ("epoch", "loss", "val_loss", "val_dice", "val_dice_positive", "val_dice_negative")
PARENTS = tuple(kind.__name__ for kind in (ParentStage, ParentSnapshot, EarlierPart))
FINISHED, NOT_FINISHED, NOT_TRAINED = "finished", "not finished", "not trained"


@dataclass(frozen=True)
class Run:
    """One fold of one stage. config, history (a row an epoch, the columns asked for): None where it never began."""

    stage: str
    fold: int
    config: dict[str, Any] | None
    history: pd.DataFrame | None

    @property
    def state(self) -> str:
        """How far it came."""
        if self.config is None:
            return NOT_TRAINED
        return FINISHED if self.config["finished"] else NOT_FINISHED

    @property
    def best(self) -> dict[str, Any]:
        """Epoch (from 0), score and sha256 of the weights that were kept; empty while the training goes on."""
        return (self.config or {}).get("best", {})

    @property
    def snapshots(self) -> dict[int, dict[str, Any]]:
        """Scores and sha256 of each snapshot, by its epoch's number, from 1; empty while the training goes on."""
        return {int(number): kept for number, kept in (self.config or {}).get("snapshots", {}).items()}

    @property
    def reached(self) -> list[int]:
        """The numbers, from 1, of the epochs that the recipe keeps and the training has come to."""
        kept = [] if self.config is None else self.config["recipe"]["kept"].get("kept_epochs", [])
        return [epoch for epoch in kept if self.history is not None and epoch <= len(self.history)]

    @property
    def kept_sha256(self) -> set[str]:
        """Hashes of all weights that were kept: the best ones and the snapshots."""
        return {weights["sha256"] for weights in (self.best, *self.snapshots.values()) if weights}

    @property
    def command(self) -> str:
        """The command that trains it; as far as its config tells, the one that did."""
        return train_command(self.stage, [self.fold], self.config)


def read_runs(stage: str, folds: Sequence[int], scores: Sequence[str] = SCORES) -> list[list[Run]]:
    """The runs of the stage and of those it started from: the first stage's first, each with a run a fold.

    scores: the columns of their histories. Raises InputError where a config or a history is damaged.
    """
    stages = [[_read_run(stage, fold, scores) for fold in folds]]
    while parents := _parents(stages[0]) - {stage_runs[0].stage for stage_runs in stages}:
        stages.insert(0, [_read_run(min(parents), fold, scores) for fold in folds])
    return stages


def _parents(stage_runs: list[Run]) -> set[str]:
    starts = [run.config["recipe"]["start"] for run in stage_runs if run.config]
    return {start["label"] for start in starts if start["kind"] in PARENTS}


def _read_run(stage: str, fold: int, scores: Sequence[str]) -> Run:
    folder = paths.fold_folder(stage, fold)
    if not (folder / runs.CONFIG).exists():
        return Run(stage, fold, None, None)
    config = runs.read_config(stage, fold)
    path, history = folder / runs.HISTORY, None
    if path.exists():
        mend = f"run: {train_command(stage, [fold], config)} --force"
        table = read_table(path, scores, mend)
        history = pd.DataFrame({name: numbers(table, name, path, mend) for name in scores})
        if len(history) <= config.get("best", {}).get("epoch", 0):
            raise InputError(f"{paths.shown(path)} lacks the epoch that its config.json calls the best one; {mend}")
    return Run(stage, fold, config, history)
