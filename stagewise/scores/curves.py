"""Pictures of numbers: learning curves, MCC over thresholds, reliability."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stagewise.files import paths
from stagewise.scores.calibration import Reliability
from stagewise.scores.operating_point import jeffreys_interval
from stagewise.scores.score import THRESHOLDS, BestThreshold

PANELS = (  # of those names that an epoch has
    ("loss", "val_loss"),
    ("val_auc", "val_mcc", "val_dice", "val_dice_positive", "val_dice_negative"),
    ("learning_rate",),
)
OFFSET = dict(textcoords="offset points", fontsize="small")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, in one piece or not at all."""
    FigureCanvasAgg(figure)  # draws without a display, and without pyplot's global state
    with paths.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)


def draw_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Draw loss, validation scores and learning rate over epochs as a PNG. history: a dict an epoch."""
    figure = Figure(figsize=(12, 3.5), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, names in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for name in [name for name in names if name in history[0]]:
            axes.plot(epochs, [row[name] for row in history], marker=".", label=name)
        axes.set_xlabel("epoch")
        axes.legend()
        axes.grid(alpha=0.3)
    save_figure(figure, path)


def draw_picture(path: Path, title: str, draw: Callable[[Axes], None]) -> None:
    """Write a PNG of one panel, which `draw` fills."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title)
    save_figure(figure, path)


def draw_mcc_curve(axes: Axes, curve: np.ndarray, best: BestThreshold, share: float, color: str = "tab:blue") -> None:
    """Draw MCC over thresholds, the best threshold and its interval marked; may be called again on the same axes.

    curve: (96,) MCC; share: of stalled clips that it holds for.
    """
    label = f"{share:.3g} stalled: best {best.threshold:.2f}, MCC {best.mcc:.3f}"
    axes.plot(THRESHOLDS, curve, color=color, label=label)
    axes.axvline(best.threshold, color=color, linestyle="--")
    axes.axvspan(*best.threshold_interval, color=color, alpha=0.12)
    axes.set(xlabel="stalled above this probability (band: best in 95 % of resamples)", ylabel="MCC, out of fold")
    axes.legend()
    axes.grid(alpha=0.3)


def draw_reliability(axes: Axes, reliability: Reliability) -> None:
    """Draw the share of stalled clips over their mean probability, a point a bin that has clips, and their number."""
    shares, filled = reliability.share_stalled, np.flatnonzero(reliability.counts)
    stalled = np.round(np.nan_to_num(shares) * reliability.counts).astype(int)
    limits = np.array([jeffreys_interval(stalled[k], reliability.counts[k] - stalled[k]) for k in filled]).T
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfectly calibrated")
    share = stalled.sum() / reliability.counts.sum()  # what the probabilities are calibrated for, if they are
    label = f"{share:.3g} stalled: expected calibration error {reliability.expected_calibration_error:.3f}"
    means, errors = reliability.mean_probability[filled], np.abs(limits - shares[filled])
    axes.errorbar(means, shares[filled], errors, marker="o", capsize=3, label=label)
    for k in filled:
        axes.annotate(f"{reliability.counts[k]}", (reliability.mean_probability[k], shares[k]), (4, -10), **OFFSET)
    axes.set(xlabel="mean probability (number: clips in the bin)", ylabel="share stalled, out of fold (bar: 95 %)")
    axes.legend()
    axes.grid(alpha=0.3)
