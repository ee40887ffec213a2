"""What every r41 does: predict out of fold, score, and choose the threshold."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import nets
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.commands import REPORT, TEST, script_of

if TYPE_CHECKING:
    from stagewise.prediction.inference import InferencePlan
    from stagewise.recipes.recipe import Recipe


def answer_out_of_fold(*stages: "Recipe", doc: str) -> None:
    """Parse an r41's command line, let every fold answer the clips that it never saw, and write the threshold.

    stages: their recipes, as the page has them. Raises InputError before anything is predicted.
    """
    options = ("split", "fold", "gpu", "workers", "engine", "seed", "prevalence", "dry-run")
    arguments = nets.parser(doc, stages, *options, *["best"] * bool(stages[0].kept.snapshots)).parse_args()
    best = getattr(arguments, "best", False)
    from stagewise.prediction.inference import plan_out_of_fold

    chosen = nets.asked(stages, arguments)
    plans = [plan_out_of_fold(stage, arguments.split, arguments.folds, best) for stage in chosen]
    print(*plans, sep="\n", flush=True)
    if arguments.dry_run:
        for plan in plans:
            oof, threshold = paths.oof_csv(plan.stage), paths.threshold_json(plan.stage)
            print(f"would write {paths.shown(oof)} and {paths.shown(threshold)}")
        return
    from stagewise.machine import device
    from stagewise.prediction.unanswered import has_test_set

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    written = []
    for plan in plans:
        if len(plans) > 1:
            print(f"{plan.stage}:")
        written += _answer(plan, arguments)
    following = script_of(plans[-1].stage, TEST if has_test_set() else REPORT)
    print(ending(written, command(following, arguments, *["--best"] * best, *nets.net_options(arguments))))


def _answer(plan: "InferencePlan", arguments: argparse.Namespace) -> list[Path]:
    """Predict, score, and write; returns what was written."""
    from stagewise.data.projects import write_projects
    from stagewise.prediction.predict import predict_out_of_fold
    from stagewise.prediction.threshold import write_threshold

    oof, threshold = paths.oof_csv(plan.stage), paths.threshold_json(plan.stage)
    table = predict_out_of_fold(plan, arguments.workers)
    remove_leftovers(paths.modified_data_folder())
    with paths.replacing(oof) as temporary:
        table.to_csv(temporary, index=False)
    evaluation = write_threshold(plan, table, arguments.seed, arguments.prevalence)
    print(evaluation)
    print(write_projects(plan.stage, table, evaluation.best.threshold))
    projects = paths.oof_projects_csv(plan.stage)
    pictures = [threshold.with_name(picture) for picture in ("mcc_curve.png", "reliability.png")]
    return [oof, *[projects] * projects.exists(), threshold, *pictures]
