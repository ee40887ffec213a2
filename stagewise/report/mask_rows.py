"""Rows of the report's tables on masks, in words."""

from stagewise.scores.rule_choice import ALL, NEGATIVE, POSITIVE, RuleChoice
from stagewise.scores.rule_table import shown_name, with_interval

HEADS = ("rule", "Dice", "with a pneumothorax", "without", "on own images", "first rule's lead")


def rule_rows(choice: RuleChoice) -> list[tuple[str, ...]]:
    """A row a candidate under `HEADS`: its scores on images of other folds, and how far the first one's lies above."""
    rows = []
    for row, candidate in enumerate(choice.candidates):
        scores = [
            with_interval(values[row, group], ends[row, group])
            for values, ends, groups in (
                (choice.nested, choice.nested_interval, (ALL, POSITIVE, NEGATIVE)),
                (choice.own, choice.own_interval, (ALL,)),
            )
            for group in groups
        ]
        lead = with_interval(choice.difference[row], choice.difference_interval[row], "+") if row else ""
        rows.append((shown_name(candidate), *scores, lead))
    return rows
