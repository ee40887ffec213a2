"""What is to be predicted, by which trained folds: checked before anything heavy is loaded."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from stagewise.data.clips import volumes_of
from stagewise.data.kinds import CLIPS, Kind
from stagewise.data.projects import projects_of
from stagewise.data.splits import Split, named, read_split
from stagewise.data.tables import videos_to_answer
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.commands import EXTRACT, step_of
from stagewise.messages.errors import InputError
from stagewise.recipes.recipe import Recipe, trained_recipe
from stagewise.volumes.packed import current_pack, told

Read = Callable[[Path | None], Split]  # of a split's file, None for the recipe's own


@dataclass(frozen=True)
class InferencePlan:
    """Trained folds of one stage, and the clips they answer.

    recipe: as all of them were trained, but for what a trained net does not need; configs, weights, hashes: one a fold,
    weights being all files that answer together, and a hash theirs; split: that of the training; table: the clips, a
    column filename, and of test videos asked (of `videos_to_answer`), out of fold stalled and fold, and what
    `projects_of` knows; best: whether a recipe of snapshots answers by each fold's best epoch instead.
    """

    recipe: Recipe
    folds: list[int]
    configs: list[dict[str, Any]]
    weights: list[list[Path]]
    hashes: list[str]
    split: Split
    table: pd.DataFrame
    volumes: tuple[Path, ...]
    best: bool = False

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.recipe.name

    def command(self, step: str) -> str:
        """The command of one of the stage's steps (of `messages.commands`), on the plan's split and folds."""
        return self.split.command(step_of(self.stage, step), self.folds) + " --best" * self.best

    @property
    def filenames(self) -> pd.Series:
        """The clips' videos, in the order of the answers."""
        return self.table["filename"]

    @property
    def weights_sha256(self) -> dict[str, str]:
        """Hash of each fold's weights that answer; a threshold belongs to them."""
        return dict(zip(map(str, self.folds), self.hashes, strict=True))

    def without(self, filenames: Collection[str]) -> "InferencePlan":
        """The plan without these videos."""
        kept = ~self.filenames.isin(list(filenames))
        volumes = tuple(volume for volume, keep in zip(self.volumes, kept, strict=True) if keep)
        return replace(self, table=self.table[kept].reset_index(drop=True), volumes=volumes)

    def __str__(self) -> str:
        views, what = self.recipe.answer.views, f"{len(self.table)} {self.split.kind.clip}s"
        line = f"{self.stage}: {named(self.folds)}, {what}, {views} view{'s' * (views > 1)} of each{told(self.volumes)}"
        if self.split.path.exists():
            note = self.recipe.rows.of(self.split).seen_note(self.folds)
            return f"{line}\n  {note}" if note else line
        trained_on = f"{self.configs[0]['split']['file']}, sha256 {self.split.sha256[:12]}"
        return f"{line}\n  {paths.shown(self.split.path)} is not there; these folds were trained on {trained_on}"


def plan_out_of_fold(
    stage: Recipe, split_path: Path | None, asked_folds: Sequence[int] | None, best: bool = False
) -> InferencePlan:
    """Each fold's own validation clips, all of them.

    stage: its recipe, as the page has it; best: of `InferencePlan`. Raises InputError naming what is missing.
    """
    split = split_with_rows(stage.name, split_path)
    recipe, folds, configs = trained_folds(stage, split, asked_folds)
    projects = projects_of(split)  # of all tiers, since the stages before were trained on all
    clips = recipe.rows.of(split).table
    clips = clips.loc[clips["fold"].isin(folds), ["filename", "stalled", "fold"]].reset_index(drop=True)
    table = clips.merge(projects, on="filename", how="left")
    return plan_of(recipe, split, folds, configs, table, volumes_of("train", table["filename"], split), best)


def plan_test(
    stage: Recipe, split_path: Path | None, asked_folds: Sequence[int] | None, best: bool = False
) -> InferencePlan:
    """Every test video that is asked for. Raises InputError naming what is missing, but for volumes, or stale.

    Where the recipe's own split is not there, by the folds that are: only its hash is needed, which they know.
    """
    split = split_or_its_folds(stage.name, split_path, asked_folds)
    recipe, *trained = trained_folds(stage, split, asked_folds)
    table = videos_to_answer()
    if table.empty:
        raise InputError(
            f"there is no test set: no video in {paths.shown(paths.videos_folder('test'))}, and no "
            f"input/submission_format.csv; put videos there and run: {EXTRACT} test"
        )
    current_pack("test")
    volumes = tuple(paths.volume_path("test", name) for name in table["filename"])
    return plan_of(recipe, split, *trained, table, volumes, best)


def split_with_rows(stage: str, path: Path | None, kind: Kind = CLIPS, read: Read = read_split) -> Split:
    """The split, read, for what needs its rows. Raises InputError that names the split of the trained folds."""
    if path is None and not kind.own().exists() and (folds := runs.begun_folds(stage)):
        known = runs.read_config(stage, folds[0])["split"]
        raise InputError(
            f"{paths.shown(kind.own())} is not there, and its rows say which {kind.clip}s a fold never saw; {stage} "
            f"was trained on {known['file']}, sha256 {known['sha256'][:12]}; give that file with --split"
        )
    return read(path)


def split_or_its_folds(
    stage: str, path: Path | None, asked_folds: Sequence[int] | None, kind: Kind = CLIPS, read: Read = read_split
) -> Split:
    """The split, read; where the recipe's own is not there, as its trained folds know it: its hash and folds alone."""
    if path is not None or kind.own().exists() or not runs.begun_folds(stage):
        return read(path)
    folds = asked_folds or runs.begun_folds(stage)
    first, *others = (runs.read_config(stage, fold)["split"]["sha256"] for fold in folds)
    if any(sha256 != first for sha256 in others):
        raise InputError(
            f"{named(folds)} of {stage} were trained on different splits; name those that belong together with --fold"
        )
    return Split(kind.own(), first, pd.DataFrame({"fold": folds}), kind)


def trained_folds(
    stage: Recipe, split: Split, asked_folds: Sequence[int] | None
) -> tuple[Recipe, list[int], list[dict[str, Any]]]:
    """The recipe that the folds asked for were trained by, these folds, and their configs."""
    folds = split.chosen_folds(asked_folds)
    configs = [runs.finished_config(stage.name, fold, split.sha256, {"split": split.recorded}) for fold in folds]
    recipes = [
        trained_recipe(stage, config["recipe"], paths.shown(paths.fold_folder(stage.name, fold)))
        for fold, config in zip(folds, configs, strict=True)
    ]
    for fold, recipe in zip(folds, recipes, strict=True):
        if recipe.net != recipes[0].net:
            raise InputError(
                f"folds {folds[0]} and {fold} of {stage.name} hold different nets; train them with the same --preset: "
                f"{runs.train_command(stage.name, [fold], configs[0])} --force"
            )
    return recipes[0], folds, configs


def plan_of(
    recipe: Recipe,
    split: Split,
    folds: list[int],
    configs: list[dict[str, Any]],
    table: pd.DataFrame,
    volumes: tuple[Path, ...],
    best: bool = False,
) -> InferencePlan:
    """The plan of trained folds (of `trained_folds`) and of rows, whose files are `volumes`; best: of the plan."""
    if best:
        recipe = replace(recipe, kept=recipe.kept.best_alone())
    pairs = list(zip(folds, configs, strict=True))
    weights = [answering_weights(recipe, fold, config) for fold, config in pairs]
    hashes = [answering_sha256(recipe, fold, config) for fold, config in pairs]
    return InferencePlan(recipe, folds, configs, weights, hashes, split, table, volumes, best)


def answering_weights(recipe: Recipe, fold: int, config: dict[str, Any]) -> list[Path]:
    """The files of a fold's weights that answer together, checked as by `runs.kept_weights`. config: as below."""
    return [runs.kept_weights(*one) for one in _answering(recipe, fold, config)]


def answering_sha256(recipe: Recipe, fold: int, config: dict[str, Any]) -> str:
    """The hash of a fold's weights that answer: of the one file, or of all their hashes. config: of the stage's run."""
    hashes = [runs.kept_sha256(*one) for one in _answering(recipe, fold, config)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _answering(recipe: Recipe, fold: int, config: dict[str, Any]) -> list[tuple[str, int, dict[str, Any], int | None]]:
    """Stage, fold, config and epoch of each weights of a fold that answer, as `runs.kept_weights` takes them."""
    found, configs = [], {recipe.name: config}
    for stage, epoch in recipe.kept.answering(recipe.name, list(map(int, config.get("snapshots", ())))):
        if stage not in configs:
            configs[stage] = runs.finished_config(stage, fold, config["split"]["sha256"])
            runs.require_same_net(stage, fold, configs[stage], config)
        found.append((stage, fold, configs[stage], epoch))
    return found
