"""What the choice of a mask's rule says: as lines to read, and as plain values for its file."""

import math
from collections import Counter
from typing import Any

import numpy as np

from stagewise.recipes.mask_rules import MaskRule
from stagewise.scores.rule_choice import ALL, NEGATIVE, POSITIVE, Candidate, RuleChoice

LINE = "  {:<{width}}  {:<28}{:<28}{:<28}{}"
HEADS = ("Dice", "with a pneumothorax", "without", "all, on own images")
GROUPS = {"all": ALL, "positive": POSITIVE, "negative": NEGATIVE}
NOTHING = "-"


def told(choice: RuleChoice) -> str:
    """The candidates, a line each, with their scores on the other folds' images, and how far the first one leads."""
    names = [shown_name(candidate) for candidate in choice.candidates]
    width = max(map(len, names))
    lines = [
        f"out of fold, {choice.images:,} images, {choice.positives:,} with a pneumothorax; Dice by the rule that the "
        "other folds choose (on own images: by the rule in the first column, chosen on all, so flattered); in brackets "
        "95 % of resamples:",
        LINE.format("", *HEADS, width=width),
    ]
    for row, name in enumerate(names):
        cells = [with_interval(choice.nested[row, k], choice.nested_interval[row, k]) for k in GROUPS.values()]
        lines.append(LINE.format(name, *cells, _fixed(choice.own[row, ALL]), width=width))
    empty = _fixed(choice.empty), "0.0000", "1.0000"
    lines.append(LINE.format("empty masks", *empty, _fixed(choice.empty), width=width))
    return "\n".join([*lines, *_leads(choice), *_of_folds(choice)])


def _leads(choice: RuleChoice) -> list[str]:
    first = choice.candidates[0].name
    pairs = zip(choice.candidates, choice.difference, choice.difference_interval, strict=True)
    leads = [f"{candidate.name} {with_interval(lead, ends, '+')}" for candidate, lead, ends in pairs]
    return [f"the {first}'s Dice less that of another: {', '.join(leads[1:])}"]


def _of_folds(choice: RuleChoice) -> list[str]:
    """What the other folds choose, where that is not what all of them do."""
    lines = []
    for candidate in choice.candidates:
        chosen = Counter(map(str, candidate.of_folds))
        if chosen.keys() - {str(candidate.rule)}:
            told = ", ".join(f"{rule} {times} times" if times > 1 else rule for rule, times in chosen.most_common())
            lines.append(f"without one fold each, the {candidate.name} is: {told}")
        elif not chosen:
            lines.append(f"one fold alone is there, so no other ones choose a {candidate.name}")
    return lines


def shown_name(candidate: Candidate) -> str:
    """A candidate by its rule, and by its name where that is not the rule's kind."""
    rule = str(candidate.rule)
    return rule if rule.startswith(candidate.name) else f"{candidate.name}: {rule}"


def with_interval(value: float, ends: np.ndarray, sign: str = "") -> str:
    """A score and its interval, a dash where it is undefined. ends: (2,); sign: "+" for one before each number."""
    if math.isnan(value):
        return NOTHING
    return f"{value:{sign}.4f} ({ends[0]:{sign}.4f} to {ends[1]:{sign}.4f})"


def _fixed(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def content(choice: RuleChoice) -> dict[str, Any]:
    """What was tried and what it scored, as plain values, None where a score is undefined."""
    return {
        "images": choice.images,
        "positives": choice.positives,
        "dice_of_empty_masks": choice.empty,
        "grid": {"scores": list(choice.grid), "areas": list(choice.areas)},
        "candidates": {
            candidate.name: {
                "rule": values_of(candidate.rule),
                "of_folds": [values_of(rule) for rule in candidate.of_folds],
                "dice": {
                    group: {
                        "other_folds": _plain(choice.nested[row, place]),
                        "other_folds_interval": _plain(choice.nested_interval[row, place]),
                        "own": _plain(choice.own[row, place]),
                        "own_interval": _plain(choice.own_interval[row, place]),
                    }
                    for group, place in GROUPS.items()
                },
                "first_leads_by": _plain(choice.difference[row]),
                "first_leads_by_interval": _plain(choice.difference_interval[row]),
            }
            for row, candidate in enumerate(choice.candidates)
        },
    }


def values_of(rule: MaskRule) -> dict[str, float]:
    """A rule as plain values."""
    return {"top": rule.top, "area": rule.area, "bottom": rule.bottom}


def _plain(value: float | np.ndarray) -> Any:
    """Numbers of any shape as JSON knows them."""
    values = np.asarray(value, float)
    return [_plain(one) for one in values] if values.ndim else (float(values) if np.isfinite(values) else None)
