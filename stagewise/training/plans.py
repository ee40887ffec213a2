"""What one training will do, checked before anything heavy is loaded: clips, parent, and where it writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewise.data.clips import Rows
from stagewise.data.splits import Split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.formats import FORMAT
from stagewise.messages.errors import InputError
from stagewise.recipes.recipe import GPU_PRECISIONS, Recipe
from stagewise.recipes.starts import EarlierPart, ParentStage, RandomStart
from stagewise.training.clips import CLIPS
from stagewise.training.tasks import Task
from stagewise.volumes.packed import told


@dataclass(frozen=True)
class TrainingPlan:
    """One fold of one stage: the recipe, the clips, where the weights start, and where the run lives.

    `made_from` is what the run's config.json keeps of all this; `start_weights` is None for random ones.
    """

    recipe: Recipe
    fold: int
    seed: int
    training: Rows
    validation: Rows
    start_weights: Path | None
    made_from: dict[str, Any]
    task: Task

    @property
    def name(self) -> str:
        """How a progress line names the training: folds may share a terminal."""
        return f"{self.recipe.name} fold {self.fold}"

    @property
    def folder(self) -> Path:
        """The fold's folder."""
        return paths.fold_folder(self.recipe.name, self.fold)

    @property
    def command(self) -> str:
        """The command that trains this fold, with the options that were asked for."""
        return runs.train_command(self.recipe.name, [self.fold], self.made_from)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.recipe.sampling.steps(self.training.labels, self.recipe.batch_size)

    def __str__(self) -> str:
        recipe, start = self.recipe, self.start_weights and paths.shown(self.start_weights)
        batches = f"{self.steps} batches of {recipe.batch_size}"
        if recipe.optimizer.accumulation_steps > 1:
            batches += f", {recipe.optimizer.accumulation_steps} accumulated"
        return (
            f"{recipe.name} fold {self.fold}: {recipe.net}, up to {recipe.schedule.epochs} epochs of {batches}\n"
            f"  starts from {start or 'random weights'}\n"
            f"  trains on {self.training}\n  validates on {self.validation}, {recipe.kept}\n"
            f"  writes {paths.shown(self.folder)}/{told(self.training.volumes)}"
        )


def plan_training(recipe: Recipe, split: Split, fold: int, seed: int, task: Task = CLIPS) -> TrainingPlan:
    """Everything one fold's training needs, all of it there. Raises InputError naming what is not."""
    if recipe.gpu_precision not in GPU_PRECISIONS:
        raise InputError(
            f"gpu_precision {recipe.gpu_precision!r} of {recipe.name} is none of {', '.join(GPU_PRECISIONS)}; "
            "correct it on the recipe's page"
        )
    made_from = {
        "format": FORMAT,
        "recipe": recipe.as_dict(),
        "fold": fold,
        "seed": seed,
        "split": split.recorded,
    }
    if late := [epoch for epoch in recipe.kept.snapshots if epoch > recipe.schedule.epochs]:
        raise InputError(
            f"{recipe.name} is to keep epoch {late[0]}, and trains for {recipe.schedule.epochs}; correct it on the "
            "recipe's page"
        )
    if recipe.never_pads and recipe.batch_size > 1:
        raise InputError(
            f"{recipe.name} never pads its clips, so that a batch has one, not {recipe.batch_size}; correct it on the "
            "recipe's page"
        )
    start_weights = _start_weights(recipe, made_from, split, task)
    task.require_learnable(split, [fold])
    held_out = split.table["fold"] == fold
    training, validation = task.rows(split, ~held_out), task.rows(split, held_out)
    chosen = recipe.kept.validation_rows(validation.labels, seed, fold)
    return TrainingPlan(
        recipe=recipe,
        fold=fold,
        seed=seed,
        training=training,
        validation=validation.of(chosen),
        start_weights=start_weights,
        made_from=made_from
        | {"start": {"from": recipe.start.label, "sha256": start_weights and paths.sha256_of(start_weights)}},
        task=task,
    )


def started_config(plan: TrainingPlan) -> dict[str, Any] | None:
    """The config of the run in the plan's folder, if any. Raises InputError if it was made from something else."""
    if not (plan.folder / runs.CONFIG).exists():
        return None
    config = runs.read_config(plan.recipe.name, plan.fold)
    runs.require_same(plan.folder, config, plan.made_from, plan.command)
    return config


def _start_weights(recipe: Recipe, made_from: dict[str, Any], split: Split, task: Task) -> Path | None:
    if isinstance(recipe.start, RandomStart):
        return None
    if isinstance(recipe.start, ParentStage):
        return _parent_weights(recipe, made_from, split, task)
    path = paths.models_folder() / recipe.start.file
    if not path.exists():
        way_out = "(or ask for random ones with --init random)"
        raise InputError(f"no weights {paths.shown(path)} to start from; {recipe.start.mend} {way_out}")
    return path


def _parent_weights(recipe: Recipe, made_from: dict[str, Any], split: Split, task: Task) -> Path:
    stage, fold = recipe.start.label, made_from["fold"]
    trained_on = split.sha256
    if any_size := isinstance(recipe.start, EarlierPart):
        trained_on = runs.read_config(stage, fold, made_from)["split"]["sha256"]
        _require_unseen(stage, made_from, split, task)
    parent = runs.finished_config(stage, fold, trained_on, made_from)
    runs.require_same_net(stage, fold, parent, made_from, any_size)
    return runs.kept_weights(stage, fold, parent, recipe.start.epoch)


def _require_unseen(stage: str, made_from: dict[str, Any], split: Split, task: Task) -> None:
    """Raise InputError where a parent, or one of its own, was trained on a row that the fold validates."""
    fold = made_from["fold"]
    validated = split.table.loc[split.table["fold"] == fold, "filename"]
    for earlier, known in _chain(stage, made_from):
        if known["sha256"] == split.sha256:
            continue
        path = paths.root() / known["file"]
        if not path.exists() or paths.sha256_of(path) != known["sha256"]:
            raise InputError(
                f"{earlier} fold {fold} was trained on another split, {known['file']}, sha256 {known['sha256'][:12]}, "
                "which is not there any more, so that nobody knows what it saw; put it back, or give it with --split"
            )
        rows = task.split(path).table
        seen = set(rows.loc[rows["fold"] != fold, "filename"])
        if leaked := [name for name in validated if name in seen]:
            raise InputError(
                f"{earlier} fold {fold} was trained on {known['file']}, and so on {len(leaked)} of the rows that "
                f"{paths.shown(split.path)} validates in fold {fold}, first {leaked[0]}; correct the split, or train "
                "the parts before on it, too"
            )


def _chain(stage: str | None, made_from: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """A stage, the one that it started from, and so on: their names, and the splits of the fold's runs."""
    while stage:
        config = runs.read_config(stage, made_from["fold"], made_from)
        yield stage, config["split"]
        start = config["recipe"]["start"]
        stage = start["label"] if start["kind"] == EarlierPart.__name__ else None
