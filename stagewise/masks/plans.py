"""Which trained folds answer which X-rays: checked before anything heavy is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stagewise.data.kinds import XRAYS
from stagewise.files import paths, xray_paths
from stagewise.folds import runs
from stagewise.messages.commands import CONVERT_DICOM
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan, plan_of, split_or_its_folds, split_with_rows, trained_folds
from stagewise.recipes.recipe import Recipe
from stagewise.xrays.converted import images_of
from stagewise.xrays.splits import read_xray_split
from stagewise.xrays.submission import images_to_answer, side_of
from stagewise.xrays.tables import read_conversion_index

Experiments = Mapping[str, Mapping[str, Recipe]]  # their parts by the parts' names, by their own


def stages_asked(
    experiments: Experiments, nets: Sequence[str] | None, part: str | None, folds: Sequence[int] | None
) -> list[Recipe]:
    """The part asked for, or the last that has a finished fold, of each experiment asked for, or that has one.

    Says aloud which part it is where none was asked for. Raises InputError where none has a finished fold.
    """
    chosen = []
    for net in [net for net in experiments if nets is None or net in nets]:
        parts = experiments[net]
        finished = [name for name, stage in parts.items() if part in (None, name) and _finished(stage.name, folds)]
        if finished:
            chosen.append(parts[finished[-1]])
            if part is None:
                print(f"{net}: {finished[-1]} is its last part with a finished fold", flush=True)
        elif nets is not None:
            raise InputError(_untrained(parts, part, net))
    if not chosen:
        raise InputError(_untrained(next(iter(experiments.values())), part, "any experiment"))
    return chosen


def _finished(stage: str, folds: Sequence[int] | None) -> bool:
    begun = [fold for fold in runs.begun_folds(stage) if folds is None or fold in folds]
    return any(runs.read_config(stage, fold)["finished"] for fold in begun)


def _untrained(parts: Mapping[str, Recipe], part: str | None, net: str) -> str:
    stage = parts.get(part or next(iter(parts)))
    if stage is None:
        return f"{net} has no part {part}; its parts are {', '.join(parts)}"
    of = f"{part} of {net}" if part else net
    return f"no fold of {of} is finished; run: {runs.train_command(stage.name, [])}"


def plan_out_of_fold(stage: Recipe, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Each fold's own validation images, all of them there. Raises InputError naming what is missing.

    The plan's table: filename, positive, fold, and sha256 of the image's file.
    """
    split = split_with_rows(stage.name, split_path, XRAYS, read_xray_split)
    recipe, folds, configs = trained_folds(stage, split, asked_folds)
    table = recipe.rows.of(split).table
    table = table.loc[table["fold"].isin(folds), ["filename", "positive", "fold"]].reset_index(drop=True)
    images = images_of(table, split)
    index = read_conversion_index("train").set_index("filename")["sha256"]
    table["sha256"] = table["filename"].map(index).fillna("")
    return plan_of(recipe, split, folds, configs, table, images)


def plan_test(stage: Recipe, split_path: Path | None, asked_folds: Sequence[int] | None) -> InferencePlan:
    """Every test image that is asked for and was converted. Raises InputError naming what is missing.

    The plan's table: filename, height, width, sha256 of the image's file; in the order of the submission.
    """
    split = split_or_its_folds(stage.name, split_path, asked_folds, XRAYS, read_xray_split)
    recipe, *trained = trained_folds(stage, split, asked_folds)
    table = images_to_answer().query("reason == ''").reset_index(drop=True)
    images = tuple(xray_paths.image_path("test", name) for name in table["filename"])
    if table.empty:
        raise InputError(f"no test image is there to answer; put DICOM files there, and run: {CONVERT_DICOM} test")
    if missing := [image for image in images if not image.exists()]:
        raise InputError(
            f"no image {paths.shown(missing[0])}{f' and {len(missing) - 1} more' * (len(missing) > 1)}; "
            f"run: {CONVERT_DICOM} test"
        )
    side_of(table)
    return plan_of(recipe, split, *trained, table, images)


def has_test_images() -> bool:
    """Whether any was converted."""
    return xray_paths.index("test").exists()
