"""The report's figures, each on axes of its own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from stagewise.report.svg import FLOWING, FOLDS, GREY, INK, STALLED, Picture, inline, new_axes
from stagewise.report.training import Run
from stagewise.scores.calibration import Reliability
from stagewise.scores.curves import draw_mcc_curve, draw_reliability
from stagewise.scores.evaluation import Evaluation
from stagewise.scores.score import roc_auc

MOST_POINTS = 400  # of a curve: more are not seen, and 50,000 clips would be megabytes
MOST_DOTS = 150  # epochs of a curve with a dot each: more run together
GROUPS = {"flowing": FLOWING, "stalled": STALLED, "test": INK}
SHOWN_AS = {
    "val_auc": "validation ROC AUC",
    "val_mcc": "validation MCC",
    "val_dice": "validation Dice",
    "val_dice_positive": "validation Dice, with a pneumothorax",
}
BINS = np.linspace(0, 1, 41)


def fold_colour(fold: int) -> str:
    """The colour of a fold, the same in every figure."""
    return FOLDS[fold % len(FOLDS)]


def sizes(axis: str, unit: str, groups: dict[str, np.ndarray], net_size: int | None) -> Picture:
    """Histogram of the crops along one axis, as shares of each group, with the net's own size; None: it takes any.

    groups: sizes of the videos of "flowing", "stalled" and "test", those that there are.
    """
    axes, everything = new_axes(), np.concatenate(list(groups.values()))
    largest = max(np.percentile(everything, 99.5), net_size or 0)  # one very long video would flatten the rest
    bins = np.linspace(0, largest * 1.05, 41)
    for name, values in groups.items():
        weights, inside = np.full(len(values), 100 / len(values)), np.minimum(values, bins[-1])
        line = "--" if name == "test" else "-"
        axes.hist(inside, bins, weights=weights, histtype="step", color=GROUPS[name], linestyle=line)
    if net_size is not None:
        axes.axvline(net_size, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.set(xlabel=f"{axis}{unit}", ylabel="% of the videos", xlim=(0, bins[-1]))
    spread = f"median {np.median(everything):.0f}, {everything.min()} to {everything.max()}"
    caption = f"{axis.capitalize()}: {spread}. The net sees them all."
    if net_size is not None:
        fit = np.mean(everything <= net_size)
        caption = f"{axis.capitalize()}: {spread}. The net sees {net_size} (dotted); {100 * fit:.0f} % are no larger."
    return inline(axes, f"sizes-{axis}", caption)


def learning_curve(runs: Sequence[Run], name: str, caption: str, training: str | None = None) -> Picture:
    """A score of every fold over epochs, the best epoch marked, and a line with its number at each snapshot's epoch.

    name: a column of the histories; training: the column that has it in training, dotted.
    """
    axes = new_axes()
    for run in (run for run in runs if run.history is not None):
        epochs, colour = run.history["epoch"].to_numpy() + 1, fold_colour(run.fold)
        marker = "o" if len(epochs) <= MOST_DOTS else None
        axes.plot(*_thinned(epochs, run.history[name].to_numpy()), color=colour, marker=marker, markersize=2)
        if training:
            axes.plot(*_thinned(epochs, run.history[training].to_numpy()), color=colour, linestyle=":")
        if run.best:
            axes.plot(run.best["epoch"] + 1, run.history[name].iloc[run.best["epoch"]], "o", color=colour, markersize=5)
    for epoch in sorted({epoch for run in runs for epoch in run.reached}):
        axes.axvline(epoch, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
        beside = {"xytext": (-2, -1), "textcoords": "offset points", "ha": "right", "va": "top"}
        axes.annotate(str(epoch), (epoch, 1), xycoords=("data", "axes fraction"), **beside, fontsize=7, color=GREY)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if "dice" in name:
        axes.set_ylim(-0.03, 1.03)
    axes.set(xlabel="epoch", ylabel=SHOWN_AS.get(name, name.replace("val_", "validation ")))
    return inline(axes, f"{runs[0].stage}-{name}", caption)


def roc(oof: pd.DataFrame, threshold: float) -> Picture:
    """True against false positives, a thin line a fold and a strong one for all clips.

    oof: stalled, fold, probability.
    """
    axes = new_axes()
    for colour, width, rows in _folds_and_all(oof):
        false, true, _ = roc_curve(rows["stalled"], rows["probability"])
        axes.plot(*_thinned(false, true), color=colour, linewidth=width)
    called = oof["probability"] > threshold
    point = called[oof["stalled"] == 0].mean(), called[oof["stalled"] == 1].mean()
    axes.plot(*point, "o", color=STALLED, markersize=5)
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="flowing clips called stalled (1 − specificity)", ylabel="stalled clips found (sensitivity)")
    area = roc_auc(oof["stalled"], oof["probability"])
    return inline(axes, "roc", f"ROC curve: area {area:.4f}. The dot is the chosen threshold; dotted, chance.")


def precision_recall(oof: pd.DataFrame, threshold: float) -> Picture:
    """Precision over recall, a thin line a fold and a strong one for all clips. oof: stalled, fold, probability."""
    axes = new_axes()
    for colour, width, rows in _folds_and_all(oof):
        precision, recall, _ = precision_recall_curve(rows["stalled"], rows["probability"], drop_intermediate=True)
        axes.plot(*_thinned(recall, precision), color=colour, linewidth=width, drawstyle="steps-post")
    called, share = oof["probability"] > threshold, oof["stalled"].mean()
    if called.any():
        right = oof["stalled"][called].mean()
        axes.plot(called[oof["stalled"] == 1].mean(), right, "o", color=STALLED, markersize=5)
    axes.axhline(share, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="stalled clips found (recall)", ylabel="of those called stalled (precision)", ylim=(-0.03, 1.03))
    average = average_precision_score(oof["stalled"], oof["probability"])
    caption = f"Precision and recall: average precision {average:.4f}. Dotted, chance: {100 * share:.3g} % are stalled."
    return inline(axes, "precision-recall", caption)


def _folds_and_all(oof: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    """Colour, line width and rows: of each fold with both classes, then of all."""
    groups = [(fold_colour(fold), 0.8, rows) for fold, rows in oof.groupby("fold") if rows["stalled"].nunique() == 2]
    return [*(groups if oof["fold"].nunique() > 1 else []), (INK, 1.6, oof)]


def _thinned(*coordinates: np.ndarray) -> list[np.ndarray]:
    """At most `MOST_POINTS` of a curve's points, its ends among them."""
    kept = np.unique(np.linspace(0, len(coordinates[0]) - 1, MOST_POINTS).round().astype(int))
    return [values[kept] for values in coordinates]


def mcc_over_thresholds(scores: Evaluation) -> Picture:
    """MCC at every threshold for two shares of stalled clips, the best thresholds and their intervals marked."""
    axes, best, there = new_axes(), scores.best, scores.choice_at_prevalence
    draw_mcc_curve(axes, scores.curve_at_prevalence, there, scores.at_prevalence.share, GREY)
    draw_mcc_curve(axes, scores.curve, best, scores.at_validation_share.share, STALLED)
    axes.get_legend().remove()
    axes.set(xlabel="stalled above this probability", ylabel="MCC", xlim=(0, 1))
    low, high = best.threshold_interval
    caption = (
        f"MCC over thresholds: {best.mcc:.3f} at {best.threshold:.2f}; 95 % of resamples choose {low:.2f} to "
        f"{high:.2f} (shaded). Grey: where {100 * scores.at_prevalence.share:.3g} % are stalled, best at "
        f"{there.threshold:.2f}."
    )
    return inline(axes, "mcc", caption)


def reliability(bins: Reliability) -> Picture:
    """The share of stalled clips over their mean probability."""
    axes = new_axes()
    draw_reliability(axes, bins)
    axes.get_legend().remove()
    axes.set(xlabel="mean probability of a bin", ylabel="share stalled", ylim=(-0.12, 1.06))
    return inline(axes, "reliability", "Reliability: a dot a bin, with the number of its clips and a 95 % interval.")


def probabilities_by_class(oof: pd.DataFrame, threshold: float) -> Picture:
    """Clips over probability, by class, on a logarithmic axis. oof: stalled, probability."""
    axes = new_axes()
    for value, colour in ((0, FLOWING), (1, STALLED)):
        axes.hist(oof.loc[oof["stalled"] == value, "probability"], BINS, histtype="step", color=colour)
    _finish_histogram(axes, threshold)
    return inline(axes, "probabilities", "Probabilities out of fold of flowing and of stalled clips; line: threshold.")


def test_probabilities(mean: np.ndarray, threshold: float) -> Picture:
    """Test videos over their mean probability, on a logarithmic axis. mean: (n,) 0-1."""
    axes = new_axes()
    axes.hist(mean, BINS, histtype="step", color=INK)
    _finish_histogram(axes, threshold)
    return inline(axes, "test-probabilities", "Mean probabilities of the test videos; line: threshold.")


def _finish_histogram(axes: Axes, threshold: float) -> None:
    axes.set(yscale="log", ylim=(0.7, None), xlim=(0, 1), xlabel="probability of stalled", ylabel="videos")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter(LogFormatter())  # in plain text; seen where all is within a decade
    axes.axvline(threshold, color=STALLED, linewidth=1)
