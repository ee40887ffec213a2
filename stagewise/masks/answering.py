"""What r42 of the X-rays does: probabilities of the test images, and masks of them by the rule."""

import argparse
from typing import TYPE_CHECKING

from stagewise.console import experiments as console
from stagewise.console.ending import command, ending
from stagewise.files import paths, xray_paths
from stagewise.masks.rule_asked import CHOSEN, WINNER, add_rule, words
from stagewise.messages.commands import BLEND, CONVERT_DICOM, OUT_OF_FOLD, REPORT, TEST, net_of, script_of
from stagewise.messages.errors import InputError, QuarantinedError

if TYPE_CHECKING:
    import pandas as pd

    from stagewise.masks.plans import Experiments
    from stagewise.prediction.inference import InferencePlan
    from stagewise.recipes.mask_rules import MaskRule

SHOWN = 20  # of the images without an answer, in a message


def answer_test(experiments: "Experiments", doc: str) -> None:
    """Parse r42's command line, check everything that can be checked, and answer the test images.

    experiments: of the recipe's page; the submission is then the last one's. Raises InputError before anything is
    predicted; QuarantinedError at the end where images were left unanswered.
    """
    arguments = _arguments(experiments, doc)
    from stagewise.masks.plans import plan_test, stages_asked
    from stagewise.masks.store import test_store
    from stagewise.xrays.submission import images_to_answer

    stages = stages_asked(experiments, arguments.nets, arguments.part, arguments.folds)
    plans = [plan_test(stage, arguments.split, arguments.folds) for stage in stages]
    rules = [_rule(plan, arguments.rule) for plan in plans]
    asked = images_to_answer()
    require_answerable(asked, arguments.unanswered)
    for plan in plans:
        test_store(plan).refuse_others(arguments.force)
    for plan, rule in zip(plans, rules, strict=True):
        print(f"{plan}\n  masks by the {rule['rule']}", flush=True)
    if arguments.dry_run:
        folders = [xray_paths.probabilities_folder(plan.stage) for plan in plans]
        print(f"would write {', '.join(map(paths.shown, (*folders, xray_paths.submission_csv())))}")
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    from stagewise.masks.predicting import fill_test

    stores = [fill_test(plan, arguments.workers, arguments.force) for plan in plans]
    written = _write(plans[-1], rules[-1], asked, arguments)
    several = len({net_of(stage.name) for stage in stages}) > 1
    following = command(
        script_of(stages[-1].name, BLEND if several else REPORT), arguments, *console.options(arguments)
    )
    end([*(store.folder for store in stores), *written], asked, following)


def _arguments(experiments: "Experiments", doc: str) -> argparse.Namespace:
    parser = console.parser(doc, experiments, "split", "fold", "gpu", "workers", "engine", "dry-run", "force")
    add_rule(parser)
    add_unanswered(parser)
    return parser.parse_args()


def add_unanswered(parser: argparse.ArgumentParser) -> None:
    """Add --unanswered."""
    parser.add_argument(
        "--unanswered",
        choices=("empty",),
        help="answer the others where test images were quarantined, and give those an empty mask; exit code 5 says so "
        "at the end (default: refuse)",
    )


def _rule(plan: "InferencePlan", asked: "str | MaskRule") -> "dict[str, MaskRule]":
    """The rule asked for, and those of r41 that it can be compared with, by their names."""
    from stagewise.masks.rule_file import read_rules
    from stagewise.recipes.winners_masks import TRIPLETS

    mend = f"run: {plan.command(OUT_OF_FOLD)}, or give one with --rule"
    if asked == CHOSEN:
        return read_rules(plan.stage, plan.weights_sha256, mend)
    try:
        others = read_rules(plan.stage, plan.weights_sha256, mend)
    except InputError:  # none is needed
        others = {}
    return others | {"rule": TRIPLETS[net_of(plan.stage)] if asked == WINNER else asked}


def require_answerable(asked: "pd.DataFrame", row: str | None) -> None:
    """InputError where test images were set aside and no row was chosen for them. asked: of `images_to_answer`."""
    without = asked.query("reason != ''")
    if len(without) and row is None:
        raise InputError(
            f"{_listed(asked)}\nreplace the files, and run: {CONVERT_DICOM} test; or answer the others: --unanswered "
            "empty gives these an empty mask"
        )


def _listed(asked: "pd.DataFrame") -> str:
    """The images without an answer, a line each."""
    without = asked.query("reason != ''")
    lines = [f"{name}: {reason}" for name, reason in zip(without["filename"], without["reason"], strict=True)]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n  ".join([f"{len(lines)} of {len(asked)} test images were quarantined:", *lines[:SHOWN], *more])


def _write(
    plan: "InferencePlan", rules: "dict[str, MaskRule]", asked: "pd.DataFrame", arguments: argparse.Namespace
) -> list:
    from stagewise.masks.submission import settings_of, write_answers
    from stagewise.recipes.blends import Blend

    blend = Blend({plan.stage: 1.0}, rules["rule"])
    source = arguments.rule if isinstance(arguments.rule, str) else "given"
    made_by = plan.command(TEST) + words(arguments.rule) + unanswered_words(arguments)
    settings = settings_of([plan], blend, source, rules, reasons(asked), made_by)
    submitted, written = write_answers([plan], asked, settings)
    print(f"{plan.stage}: {submitted.positives} of {submitted.images} test images have a mask, by the {blend.rule}")
    return written


def unanswered_words(arguments: argparse.Namespace) -> str:
    """The option that asks for it again, or ""."""
    return f" --unanswered {arguments.unanswered}" * bool(arguments.unanswered)


def reasons(asked: "pd.DataFrame") -> dict[str, str]:
    """Why images have no answer, by name."""
    without = asked.query("reason != ''")
    return dict(zip(without["filename"], without["reason"], strict=True))


def end(written: list, asked: "pd.DataFrame", following: str) -> None:
    """The last lines; QuarantinedError with them where images were left unanswered."""
    last_lines = ending(written, following)
    if not reasons(asked):
        print(last_lines)
        return
    raise QuarantinedError(f"{_listed(asked)}\nthey have an empty mask, as --unanswered empty asked\n{last_lines}")
