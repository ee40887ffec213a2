"""What every r41 does: predict out of fold, score, and choose the threshold."""

from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.commands import REPORT, TEST, script_of

if TYPE_CHECKING:
    from stagewise.recipes.recipe import Recipe


def answer_out_of_fold(stage: "Recipe", doc: str) -> None:
    """Parse an r41's command line, let every fold answer the clips that it never saw, and write the threshold.

    stage: its recipe, as the page has it. Raises InputError before anything is predicted.
    """
    options = ("split", "fold", "gpu", "workers", "engine", "seed", "prevalence", "dry-run")
    arguments = cli.parser(doc, *options, *["best"] * bool(stage.kept.snapshots)).parse_args()
    best = getattr(arguments, "best", False)
    from stagewise.prediction.inference import plan_out_of_fold

    plan = plan_out_of_fold(stage, arguments.split, arguments.folds, best)
    print(plan, flush=True)
    oof, threshold = paths.oof_csv(stage.name), paths.threshold_json(stage.name)
    if arguments.dry_run:
        print(f"would write {paths.shown(oof)} and {paths.shown(threshold)}")
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    from stagewise.data.projects import write_projects
    from stagewise.prediction.predict import predict_out_of_fold
    from stagewise.prediction.threshold import write_threshold
    from stagewise.prediction.unanswered import has_test_set

    table = predict_out_of_fold(plan, arguments.workers)
    remove_leftovers(paths.modified_data_folder())
    with paths.replacing(oof) as temporary:
        table.to_csv(temporary, index=False)
    evaluation = write_threshold(plan, table, arguments.seed, arguments.prevalence)
    print(evaluation)
    print(write_projects(stage.name, table, evaluation.best.threshold))
    projects = paths.oof_projects_csv(stage.name)
    pictures = [threshold.with_name(picture) for picture in ("mcc_curve.png", "reliability.png")]
    following = TEST if has_test_set() else REPORT
    written = [oof, *[projects] * projects.exists(), threshold, *pictures]
    print(ending(written, command(script_of(stage.name, following), arguments, *["--best"] * best)))
