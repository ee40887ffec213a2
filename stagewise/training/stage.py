"""A stage script's `main`: the command line, the checks before anything heavy is loaded, then fold after fold."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.messages.commands import TRAIN, script_of, training_scripts
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.starts import ParentStage, RandomStart, WeightsFile
from stagewise.training.clips import CLIPS
from stagewise.training.footprint import Footprint, footprint
from stagewise.training.tasks import Task

Presets = Mapping[str, Callable[[Recipe], Recipe]]  # by their names on the command line


def train_stage(stage: Recipe, presets: Presets, doc: str, following: str, task: Task = CLIPS) -> None:
    """Parse a stage script's command line, check everything that can be checked, and train fold after fold.

    presets: of the recipe's page; following: the script to run next, which the last line names with the options that
    it shares; task: what the stage learns.
    Raises the errors of `plans.plan_training` before, and of `train.train_folds` while training.
    """
    arguments = _arguments([stage], doc).parse_args()
    trained = _train_stage(stage, presets, arguments, task, first=True)
    init = _init(stage, following, arguments)
    if not arguments.dry_run:
        print(ending(trained, command(following, arguments, *init)))


def train_parts(parts: Mapping[str, Recipe], presets: Presets, doc: str, following: str, task: Task) -> None:
    """The same for the parts of an experiment, one after the other, or for the one that the command line names.

    parts: by their names, in their order. A dry run goes as far as the first that is not finished.
    """
    parser = _arguments(list(parts.values()), doc)
    parser.add_argument(
        "--part", choices=tuple(parts), help="train this part alone (default: all, one after the other)"
    )
    arguments = parser.parse_args()
    chosen = {arguments.part: parts[arguments.part]} if arguments.part else parts
    trained = []
    for number, stage in enumerate(chosen.values()):
        new = _train_stage(stage, presets, arguments, task, first=number == 0)
        trained += new
        if arguments.dry_run and new:
            return
    if not arguments.dry_run:
        print(ending(trained, command(following, arguments)))


def _train_stage(stage: Recipe, presets: Presets, arguments: argparse.Namespace, task: Task, first: bool) -> list[Path]:
    """Check and train one stage; first: of the process. Returns: folders of folds that were not finished before."""
    from stagewise.training.plans import plan_training, started_config

    recipe = _recipe(stage, presets, arguments)
    split = task.split(arguments.split)
    folds = split.chosen_folds(arguments.folds)
    task.require_learnable(split, folds)  # as every stage will read it, and not the present one alone
    rows = recipe.rows.of(split)
    plans = [plan_training(recipe, rows, fold, arguments.seed, task) for fold in folds]
    needed = footprint(recipe, arguments.workers)
    notes = filter(None, (split.note, recipe.rows.note(split)))
    print(*notes, *plans, f"needs {needed}", sep="\n", flush=True)
    started = [None if arguments.force else started_config(plan) for plan in plans]
    unfinished = [
        plan.folder for plan, config in zip(plans, started, strict=True) if not (config and config["finished"])
    ]
    if arguments.dry_run:
        return unfinished
    return [plan.folder for plan in _train(plans, unfinished, needed, arguments, first)]


def _arguments(stages: Sequence[Recipe], doc: str) -> argparse.ArgumentParser:
    parser = cli.parser(doc, "split", "fold", "gpu", "workers", "memory", "seed", "preset", "dry-run", "force")
    stage = stages[0]
    if not isinstance(stage.start, ParentStage):
        made = ", made by r04" * isinstance(stage.start, WeightsFile)
        parser.add_argument(
            "--init",
            choices=tuple(dict.fromkeys((stage.start.label, "random"))),
            default=stage.start.label,
            help=f"where the weights start (default: %(default)s{made})",
        )
    return parser


def _init(stage: Recipe, following: str, arguments: argparse.Namespace) -> list[str]:
    """The words for another net's training in the same folder, which starts as this one did."""
    asked = getattr(arguments, "init", None)
    if asked in (None, stage.start.label) or following not in training_scripts().values():
        return []
    alike = Path(following).parent == Path(script_of(stage.name, TRAIN)).parent
    return ["--init", asked] * alike


def _recipe(stage: Recipe, presets: Presets, arguments: argparse.Namespace) -> Recipe:
    recipe = presets[arguments.preset](stage)
    if isinstance(recipe.start, ParentStage) or getattr(arguments, "init", None) != "random":
        return recipe
    return replace(recipe, start=RandomStart())


def _train(
    plans: list, unfinished: Sequence[Path], needed: Footprint, arguments: argparse.Namespace, first: bool
) -> list:
    """Train plans, of which those in the folders `unfinished` will take something of the machine."""
    from stagewise.machine import device
    from stagewise.training import memory

    if first:  # which GPUs are seen is settled before Keras is loaded
        # days on a GPU should not become months on the CPU after one line of warning
        device.prepare(arguments.gpu, needs_gpu=arguments.preset == "full")
    if unfinished:
        memory.require(needed, unfinished, arguments.memory, on_gpu=bool(device.gpus()))
    from stagewise.training.train import train_folds

    return train_folds(plans, arguments.workers, arguments.force)
