"""What r61 of the X-rays does: several experiments' probabilities as one, and a rule for them."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stagewise.console import experiments as console
from stagewise.console.ending import command
from stagewise.files import paths, xray_paths
from stagewise.masks.answering import add_unanswered, end, reasons, require_answerable, unanswered_words
from stagewise.masks.rule_asked import CHOSEN, WINNER, add_rule, words
from stagewise.messages.commands import BLEND, REPORT, net_of, script_of
from stagewise.messages.errors import InputError
from stagewise.recipes.blends import Blend
from stagewise.recipes.winners_masks import BEST_ON_VALIDATION, BLENDS

if TYPE_CHECKING:
    from stagewise.masks.plans import Experiments
    from stagewise.prediction.inference import InferencePlan
    from stagewise.recipes.mask_rules import MaskRule

AGREED = 1e-9  # a sum of weights may be so far from 1


def blend_experiments(experiments: "Experiments", doc: str) -> None:
    """Parse r61's command line, blend the stored probabilities, choose the rule out of fold, and write the submission.

    experiments: of the recipe's page. Raises InputError where one is not trained, or has not answered.
    """
    arguments = _arguments(experiments, doc)
    weights = _weights(experiments, arguments)
    from stagewise.masks.plans import plan_out_of_fold, plan_test, stages_asked
    from stagewise.xrays.submission import images_to_answer

    stages = stages_asked(experiments, weights and list(weights), arguments.part, arguments.folds)
    options = arguments.split, arguments.folds
    seen, asked = [plan_out_of_fold(stage, *options) for stage in stages], images_to_answer()
    plans = [plan_test(stage, *options) for stage in stages]
    require_answerable(asked, arguments.unanswered)
    _require_one_size(plans)
    shares = {stage.name: (weights or {}).get(net_of(stage.name), 1 / len(stages)) for stage in stages}
    print("blend of", ", ".join(f"{weight:.4g} of {stage}" for stage, weight in shares.items()), flush=True)
    if arguments.dry_run:
        print(f"would write {paths.shown(xray_paths.submission_csv())}")
        return
    named = BLENDS.get(arguments.blend)
    given = Blend(shares, named.rule if named else BEST_ON_VALIDATION, named and named.least_outline)
    rules, choice = _choose(seen, given, arguments)
    asked_rule = arguments.rule or (WINNER if named else CHOSEN)
    rule = {CHOSEN: rules["triplet"], WINNER: given.rule}.get(asked_rule, asked_rule)
    blend = Blend(shares, rule, given.least_outline)
    written = _write(plans, blend, rules, choice, asked_rule, asked, arguments)
    end(written, asked, command(script_of(stages[0].name, REPORT), arguments))


def _arguments(experiments: "Experiments", doc: str) -> argparse.Namespace:
    parser = console.parser(doc, experiments, "split", "fold", "workers", "seed", "dry-run")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--blend", choices=tuple(BLENDS), help="the winner's weights, small outlines removed")
    ways.add_argument(
        "--weights", metavar="NET=W,...", help="your own, of a sum of 1 (default: equal ones of all that are trained)"
    )
    add_rule(parser, None, f"{CHOSEN}; with --blend: {WINNER}")
    add_unanswered(parser)
    return parser.parse_args()


def _weights(experiments: "Experiments", arguments: argparse.Namespace) -> dict[str, float] | None:
    """The weight of each experiment; None where all have the same."""
    if arguments.blend or arguments.weights:
        weights = dict(BLENDS[arguments.blend].weights) if arguments.blend else _parsed(arguments.weights, experiments)
        if arguments.nets and set(arguments.nets) != set(weights):
            raise InputError(f"--net asks for {', '.join(arguments.nets)}, and the weights are of {', '.join(weights)}")
        return weights
    return dict.fromkeys(arguments.nets, 1 / len(arguments.nets)) if arguments.nets else None


def _parsed(text: str, experiments: "Experiments") -> dict[str, float]:
    try:
        pairs = [part.split("=") for part in text.split(",")]
        weights = {name.strip(): float(weight) for name, weight in pairs}
    except ValueError:
        raise InputError(f"--weights {text!r} is not NET=W,NET=W,...") from None
    if unknown := [name for name in weights if name not in experiments]:
        raise InputError(f"--weights names {unknown[0]!r}; the experiments are {', '.join(experiments)}")
    total = sum(weights.values())
    if len(weights) < len(pairs) or not (abs(total - 1) < AGREED and min(weights.values()) > 0):
        raise InputError(f"--weights {text!r}: each net once, weights above 0 and of a sum of 1, not {total:g}")
    return weights


def _require_one_size(plans: Sequence["InferencePlan"]) -> None:
    shapes = {plan.stage: plan.recipe.net.input_shape for plan in plans}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{stage} at {height}x{width}" for stage, (height, width) in shapes.items())
        raise InputError(f"probabilities of several sizes cannot be blended: {told}; choose a part of all with --part")


def _choose(
    plans: Sequence["InferencePlan"], blend: Blend, arguments: argparse.Namespace
) -> "tuple[dict[str, MaskRule], dict[str, Any]]":
    """The rules that the blend's probabilities out of fold choose, by name, and what the choice says; prints it."""
    from stagewise.masks.counting import counted
    from stagewise.masks.store import out_of_fold_store
    from stagewise.scores.rule_choice import choose_rules
    from stagewise.scores.rule_table import content, told

    names = plans[0].table["filename"].tolist()
    parts = {plan.stage: out_of_fold_store(plan).images(names) for plan in plans}
    mixed = (blend.of(dict(zip(parts, images, strict=True))) for images in zip(*parts.values(), strict=True))
    counts = counted(plans[0], mixed, arguments.workers)
    choice = choose_rules(counts, plans[0].table["fold"].to_numpy(), {"winner's": blend.rule}, seed=arguments.seed)
    print(told(choice))
    return {candidate.name: candidate.rule for candidate in choice.candidates}, content(choice)


def _write(
    plans: Sequence["InferencePlan"],
    blend: Blend,
    rules: "dict[str, MaskRule]",
    choice: dict[str, Any],
    asked_rule: "str | MaskRule",
    asked: Any,
    arguments: argparse.Namespace,
) -> list:
    from stagewise.masks.submission import settings_of, write_answers

    source = asked_rule if isinstance(asked_rule, str) else "given"
    way = f" --blend {arguments.blend}" if arguments.blend else ""
    if not way and plans:
        way = " --weights " + ",".join(f"{net_of(stage)}={weight!r}" for stage, weight in blend.weights.items())
    script = script_of(plans[0].stage, BLEND) + way + (f" --part {arguments.part}" if arguments.part else "")
    made_by = plans[0].split.command(script, plans[0].folds) + words(arguments.rule, None) + f" --seed {arguments.seed}"
    settings = settings_of(plans, blend, source, rules, reasons(asked), made_by + unanswered_words(arguments), choice)
    submitted, written = write_answers(plans, asked, settings)
    print(f"{submitted.positives} of {submitted.images} test images have a mask, by the {blend.rule}")
    return written
