"""What r41 of the X-rays does: probabilities out of fold, counts of them, and the rule that they choose."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import experiments as console
from stagewise.console.ending import command, ending
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import REPORT, TEST, net_of, script_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stagewise.masks.plans import Experiments
    from stagewise.prediction.inference import InferencePlan
    from stagewise.recipes.mask_rules import MaskRule
    from stagewise.scores.mask_counts import MaskCounts


def answer_out_of_fold(experiments: "Experiments", doc: str) -> None:
    """Parse r41's command line, let every fold answer the images that it never saw, and write the rule.

    experiments: of the recipe's page. Raises InputError before anything is predicted.
    """
    options = ("split", "fold", "gpu", "workers", "engine", "seed", "dry-run", "force")
    arguments = console.parser(doc, experiments, *options).parse_args()
    from stagewise.masks.plans import has_test_images, plan_out_of_fold, stages_asked
    from stagewise.masks.store import out_of_fold_store

    stages = stages_asked(experiments, arguments.nets, arguments.part, arguments.folds)
    plans = [plan_out_of_fold(stage, arguments.split, arguments.folds) for stage in stages]
    print(*plans, sep="\n", flush=True)
    for plan in plans:
        out_of_fold_store(plan).of_others(arguments.force)
    if arguments.dry_run:
        for plan in plans:
            folder, table = xray_paths.out_of_fold_folder(plan.stage), xray_paths.oof_csv(plan.stage)
            print(f"would write {', '.join(map(paths.shown, (folder, table, xray_paths.rule_json(plan.stage))))}")
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    written = [path for plan in plans for path in _answer(plan, arguments)]
    following = script_of(plans[-1].stage, TEST if has_test_images() else REPORT)
    print(ending(written, command(following, arguments, *console.options(arguments))))


def _answer(plan: "InferencePlan", arguments: argparse.Namespace) -> list[Path]:
    """Predict, count, choose, and write; returns what was written."""
    from stagewise.masks.counting import counted
    from stagewise.masks.predicting import fill_out_of_fold
    from stagewise.masks.rule_file import write_rule
    from stagewise.recipes.winners_masks import TRIPLETS
    from stagewise.scores.curves import draw_picture
    from stagewise.scores.rule_choice import choose_rules
    from stagewise.scores.rule_table import told
    from stagewise.xrays.counts_table import write_counts

    table, stage = plan.table, plan.stage
    store = fill_out_of_fold(plan, arguments.workers, arguments.force)
    counts = counted(plan, store.images(table["filename"].tolist()), arguments.workers)
    oof, rule_json = xray_paths.oof_csv(stage), xray_paths.rule_json(stage)
    write_counts(oof, table["filename"].tolist(), table["fold"].to_numpy(), counts)
    given = {"winner's": TRIPLETS[net_of(stage)]}
    choice = choose_rules(counts, table["fold"].to_numpy(), given, seed=arguments.seed)
    side = plan.recipe.net.input_shape[0]
    rule = write_rule(stage, choice, "triplet", plan.weights_sha256, side, arguments.seed)
    picture = rule_json.with_name("dice_over_thresholds.png")
    draw_picture(picture, f"{stage}, {len(table)} images", partial(_draw, counts=counts, rule=rule))
    print(f"{stage}, masks of {side}x{side}:\n{told(choice)}")
    return [store.folder, oof, rule_json, picture]


def _draw(axes: "Axes", counts: "MaskCounts", rule: "MaskRule") -> None:
    from stagewise.scores.mask_curves import draw_dice_over_thresholds

    draw_dice_over_thresholds(axes, counts, rule)
    axes.set_ylabel("mean Dice, out of fold")
    axes.legend()
    axes.grid(alpha=0.3)
