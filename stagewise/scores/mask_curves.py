"""Dice over thresholds, drawn."""

import numpy as np
from matplotlib.axes import Axes

from stagewise.recipes.mask_rules import MaskRule
from stagewise.scores.mask_counts import MaskCounts, place_of
from stagewise.scores.rule_choice import grid_sums

COLOURS = ("tab:grey", "tab:blue", "tab:red", "black")


def draw_dice_over_thresholds(
    axes: Axes, counts: MaskCounts, rule: MaskRule, colours: tuple[str, str, str, str] = COLOURS
) -> tuple[float, float]:
    """Draw the mean Dice of all images where one probability of the rule is another one, and by a plain threshold.

    counts: of all images, the rule's probabilities on their grid; colours: of the plain threshold, of another bottom,
    of another top, and of the rule itself. Returns: the Dice by the rule, and by the best plain threshold.
    """
    grid, (plain_colour, bottom_colour, top_colour, own_colour) = np.array(counts.grid), colours
    means = grid_sums(counts, (0, rule.area)) / len(counts)
    top, bottom = place_of(rule.top, counts.grid), place_of(rule.bottom, counts.grid)
    plain, own = means[:, 0].diagonal(), float(means[top, 1, bottom])
    axes.plot(grid, plain, color=plain_colour, linestyle=":", label="a plain threshold")
    axes.plot(grid[: top + 1], means[top, 1, : top + 1], color=bottom_colour, label="another bottom")
    axes.plot(grid[bottom:], means[bottom:, 1, bottom], color=top_colour, label="another top")
    axes.plot((rule.bottom, rule.top), [own] * 2, "o", color=own_colour, markersize=4, label=str(rule))
    axes.set(xlabel="probability", ylabel="mean Dice", xlim=(0, 1))
    return own, float(plain.max())
