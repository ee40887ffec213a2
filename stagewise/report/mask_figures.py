"""The figures of a report on masks: Dice over thresholds, and by how large the pneumothorax is."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from stagewise.recipes.mask_rules import FULL_SIDE, MaskRule
from stagewise.report.figures import fold_colour
from stagewise.report.svg import FLOWING, GREY, INK, STALLED, Picture, inline, new_axes
from stagewise.report.training import Run
from stagewise.scores.mask_counts import MaskCounts
from stagewise.scores.mask_curves import draw_dice_over_thresholds

# pixels of 1024x1024; of the competition's positive images 3, 7, 15, 23, 23, 19 and 11 % lie between and beyond them
SIZES = (1000, 2000, 4000, 8000, 16_000, 32_000)


def dice_over_thresholds(counts: MaskCounts, rule: MaskRule) -> Picture:
    """Mean Dice of all images where one probability of the rule is another one, and by a plain threshold.

    counts: of all images, the rule's probabilities on their grid.
    """
    axes = new_axes()
    dice, plain = draw_dice_over_thresholds(axes, counts, rule, (GREY, FLOWING, STALLED, INK))
    caption = (
        f"Dice over thresholds: {dice:.4f} by the {rule} (dots). Blue: with another bottom; red: with "
        f"another top; dotted: a plain threshold, {plain:.4f} at best."
    )
    return inline(axes, "dice-thresholds", caption)


def dice_by_size(counts: MaskCounts, dice: np.ndarray) -> Picture:
    """Mean Dice of images with a pneumothorax by its size, and how many of them got a mask that meets it.

    dice: (n,) of each image's answer.
    """
    axes = new_axes()
    rows = counts.positive
    sizes, dice = (counts.truth * (FULL_SIDE**2 / counts.pixels))[rows], dice[rows]
    of_bin = np.searchsorted(SIZES, sizes, side="right")
    for number in np.unique(of_bin):
        values = dice[of_bin == number]
        _draw_bin(axes, number, values)
    axes.set(xlabel="pixels of the pneumothorax, thousands", ylabel="mean Dice", ylim=(-0.03, 1.1))
    axes.set_xticks(range(len(SIZES) + 1), _labels())
    axes.set_xlim(-0.6, len(SIZES) + 0.6)
    missed = np.mean(dice < 1e-3) if len(dice) else np.nan
    caption = (
        f"Dice by size: a dot a bin of the {len(dice):,} images with a pneumothorax, with their number and a 95 % "
        f"interval; crosses: the share that is met at all. {100 * missed:.3g} % are missed."
    )
    return inline(axes, "dice-sizes", caption)


def _draw_bin(axes: Axes, number: int, values: np.ndarray) -> None:
    """A bin's mean with 1.96 standard errors each way, its images' number, and the share of them that is met."""
    mean = values.mean()
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    ends = [[min(half, mean)], [min(half, 1 - mean)]]
    axes.errorbar([number], [mean], ends, marker="o", markersize=4, capsize=2, color=STALLED)
    axes.plot([number], [np.mean(values >= 1e-3)], "x", color=GREY, markersize=4)
    axes.annotate(f"{len(values):,}", (number, 1.04), ha="center", fontsize=7, color=GREY)


def _labels() -> list[str]:
    thousands = [f"{size / 1000:g}" for size in SIZES]
    between = [f"{low}–{high}" for low, high in pairwise(thousands)]
    return [f"<{thousands[0]}", *between, f">{thousands[-1]}"]


def areas(groups: dict[str, np.ndarray]) -> Picture:
    """How large masks are, as shares of each group, on a logarithmic axis.

    groups: pixels of each mask, by "train" and "test".
    """
    axes, everything = new_axes(), np.concatenate(list(groups.values()))
    bins = np.geomspace(everything.min(), everything.max() + 1, 25)
    for name, pixels in groups.items():
        colour, line = (INK, "--") if name == "test" else (STALLED, "-")
        weights = np.full(len(pixels), 100 / len(pixels))
        axes.hist(pixels, bins, weights=weights, histtype="step", color=colour, linestyle=line)
    axes.set(xscale="log", xlabel="pixels of a mask", ylabel="% of the masks")
    axes.xaxis.set_major_formatter("{x:,.0f}")  # in plain text
    axes.xaxis.set_minor_formatter(NullFormatter())
    told = ", ".join(f"{name} {len(pixels):,}, median {np.median(pixels):,.0f}" for name, pixels in groups.items())
    return inline(axes, "areas", f"Areas of masks: {told} pixels. Dashed: those that were submitted.")


def share_of(runs: Sequence[Run]) -> float | None:
    """The share of images with a pneumothorax that a part's epochs have; None where none has begun."""
    sampled = [run.config["recipe"]["sampling"] for run in runs if run.config]
    return sampled[0].get("share") if sampled else None


def parts_in_turn(stages: Sequence[Sequence[Run]]) -> Picture:
    """Dice of validation over all epochs, one part behind the other, with the share of positives that each draws."""
    axes, first = new_axes(), 0
    for runs in stages:
        histories = [run.history for run in runs if run.history is not None]
        if not histories:
            continue
        for run in (run for run in runs if run.history is not None):
            epochs = first + 1 + run.history["epoch"].to_numpy()
            axes.plot(epochs, run.history["val_dice"], color=fold_colour(run.fold), marker="o", markersize=2)
        last = first + max(map(len, histories))
        if (share := share_of(runs)) is not None:
            axes.plot((first + 0.5, last + 0.5), (share, share), color=GREY, linestyle="--")
        if first:
            axes.axvline(first + 0.5, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
        first = last
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="epochs of all parts", ylabel="validation Dice", ylim=(0, 1.03))
    caption = (
        "Dice of all validation images, part after part; dashed: the share of images with a pneumothorax in an epoch."
    )
    return inline(axes, "parts", caption)
