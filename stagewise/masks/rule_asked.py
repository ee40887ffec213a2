"""The rule that a command line asks for."""

import argparse

from stagewise.recipes.mask_rules import MaskRule, Triplet

CHOSEN, WINNER = "oof", "winner"  # that of r41 or r61, chosen out of fold; the winner's own
HELP = (
    "oof: the rule chosen out of fold; winner: the winner's own; or as the winner writes one, top probability, least "
    "area in pixels of 1024x1024, bottom probability: 0.75,1000,0.3"
)


def rule_asked(text: str) -> str | MaskRule:
    """A type for argparse: one of the two words, or TOP,AREA,BOTTOM."""
    if text in (CHOSEN, WINNER):
        return text
    try:
        top, area, bottom = text.split(",")
        return Triplet(float(top), int(area), float(bottom))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither {CHOSEN}, {WINNER} nor TOP,AREA,BOTTOM: {error}"
        ) from None


def add_rule(parser: argparse.ArgumentParser, default: str = CHOSEN, shown: str = CHOSEN) -> None:
    """Add --rule. shown: the default in words."""
    parser.add_argument("--rule", type=rule_asked, default=default, metavar="RULE", help=f"{HELP} (default: {shown})")


def words(rule: str | MaskRule | None, default: str = CHOSEN) -> str:
    """The option that asks for it again, or ""."""
    if rule is None or rule == default:
        return ""
    return f" --rule {rule if isinstance(rule, str) else f'{rule.top!r},{rule.area},{rule.bottom!r}'}"
