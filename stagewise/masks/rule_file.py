"""The rule of a stage's masks: chosen out of fold, written with its scores, and tied to the weights it came from."""

import json
from typing import Any

from stagewise.files import paths, xray_paths
from stagewise.folds import runs
from stagewise.messages.errors import InputError
from stagewise.recipes.mask_rules import FULL_SIDE, MaskRule, Triplet
from stagewise.scores.rule_choice import RuleChoice
from stagewise.scores.rule_table import content, values_of


def write_rule(stage: str, choice: RuleChoice, name: str, weights: dict[str, str], side: int, seed: int) -> MaskRule:
    """Write rule.json with the candidate of that name as the rule, and return it.

    weights: the sha256 of each file that answered; side: pixels of the net's image; seed: of the choice.
    """
    chosen = choice.named(name)
    written = {
        "rule": {"kind": name, **values_of(chosen.rule)},
        "area_of_side": FULL_SIDE,
        "side": side,
        "seed": seed,
        **content(choice),
        "weights": weights,
    }
    runs.write_json(xray_paths.rule_json(stage), written)
    return chosen.rule


def read_rule(stage: str, weights: dict[str, str], mend: str) -> MaskRule:
    """The rule chosen for these weights. Raises InputError where it is missing, damaged, or of other weights."""
    return read_rules(stage, weights, mend)["rule"]


def read_rules(stage: str, weights: dict[str, str], mend: str) -> dict[str, MaskRule]:
    """The rule, and every candidate by its name; errors as of `read_rule`."""
    found = read_choice(stage, weights, mend)
    named = {"rule": found["rule"]} | {name: one["rule"] for name, one in found["candidates"].items()}
    return {name: rule_of(values) for name, values in named.items()}


def rule_of(values: dict[str, float]) -> Triplet:
    """The rule of `rule_table.values_of`."""
    return Triplet(*(values[name] for name in ("top", "area", "bottom")))


def read_choice(stage: str, weights: dict[str, str], mend: str) -> dict[str, Any]:
    """What rule.json holds; errors as of `read_rule`."""
    path = xray_paths.rule_json(stage)
    try:
        found = json.loads(paths.read_text(path))
        for values in (found["rule"], *(one["rule"] for one in found["candidates"].values())):
            rule_of(values)
        chosen_for, side = dict(found["weights"]), found["area_of_side"]
    except FileNotFoundError:
        raise InputError(f"no rule {paths.shown(path)}; {mend}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    if side != FULL_SIDE:
        raise InputError(f"{paths.shown(path)} counts areas in pixels of {side}, not of {FULL_SIDE}; {mend}")
    runs.require_weights(f"{paths.shown(path)} was not chosen", chosen_for, weights, mend)
    return found
