"""What is to be predicted, by which trained folds: checked before anything heavy is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stagewise import paths, runs
from stagewise.augment import Resize
from stagewise.errors import InputError
from stagewise.plans import volumes_of
from stagewise.projects import projects_of
from stagewise.recipes.config import Net
from stagewise.splits import Split, named, read_split
from stagewise.tables import read_submission_format


@dataclass(frozen=True)
class InferencePlan:
    """Trained folds of one stage, and the clips they answer.

    `configs` and `weights` have an entry a fold; `split` is that of the training; `table` holds the clips: a column
    filename, and out of fold stalled and fold too, and what `projects_of` knows.
    """

    stage: str
    folds: list[int]
    configs: list[dict[str, Any]]
    weights: list[Path]
    split: Split
    table: pd.DataFrame
    volumes: tuple[Path, ...]

    def command(self, script: str) -> str:
        """The command of one of the stage's scripts, such as r41_process_oof, on the plan's split and folds."""
        return self.split.command(f"{self.stage}/{script}.py", self.folds)

    @property
    def filenames(self) -> pd.Series:
        """The clips' videos, in the order of the answers."""
        return self.table["filename"]

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that the folds were trained by, as plain values."""
        return self.configs[0]["recipe"]

    @property
    def net(self) -> Net:
        """The network, the same in every fold."""
        return runs.net_of(self.configs[0])

    @property
    def resize(self) -> Resize:
        """What is done to a clip before the net."""
        return Resize(self.net.input_shape)

    @property
    def weights_sha256(self) -> dict[str, str]:
        """Hash of each fold's best weights; a threshold belongs to them."""
        return {str(fold): c["best"]["sha256"] for fold, c in zip(self.folds, self.configs, strict=True)}

    def __str__(self) -> str:
        return f"{self.stage}: {named(self.folds)}, {len(self.table)} clips, 8 flips each"


def plan_out_of_fold(stage: str, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Each fold's own validation clips, all of them. Raises InputError naming what is missing."""
    split, folds, configs = _trained(stage, split_path, asked_folds)
    projects = projects_of(split)  # of all tiers, since the stages before were trained on all
    tier1_only = configs[0]["recipe"]["tier1_only"]
    clips = (read_split(split_path, tier1_only=True) if tier1_only else split).table
    clips = clips.loc[clips["fold"].isin(folds), ["filename", "stalled", "fold"]].reset_index(drop=True)
    return _plan(stage, split, folds, configs, clips.merge(projects, on="filename", how="left"), "train")


def plan_test(stage: str, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Every video of submission_format, in its order. Raises InputError naming what is missing."""
    trained = _trained(stage, split_path, asked_folds)
    table = read_submission_format(paths.input_folder() / "submission_format.csv")
    return _plan(stage, *trained, table[["filename"]], "test")


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


def _plan(
    stage: str, split: Split, folds: list[int], configs: list[dict[str, Any]], table: pd.DataFrame, subset: str
) -> InferencePlan:
    weights = [runs.best_weights(stage, fold, config) for fold, config in zip(folds, configs, strict=True)]
    volumes = volumes_of(subset, table["filename"], split)
    return InferencePlan(stage, folds, configs, weights, split, table, volumes)
