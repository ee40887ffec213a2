"""Pictures of numbers: learning curves, and MCC over thresholds."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stagewise import paths
from stagewise.score import THRESHOLDS, BestThreshold

PANELS = (("loss", "val_loss"), ("val_auc", "val_mcc"), ("learning_rate",))


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
        for name in names:
            axes.plot(epochs, [row[name] for row in history], marker=".", label=name)
        axes.set_xlabel("epoch")
        axes.legend()
        axes.grid(alpha=0.3)
    save_figure(figure, path)


def draw_mcc_curve(path: Path, curve: np.ndarray, best: BestThreshold, title: str) -> None:
    """Draw MCC over thresholds as a PNG, the best threshold and its interval marked. curve: (96,) MCC."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(THRESHOLDS, curve)
    axes.axvline(best.threshold, color="tab:red", label=f"best {best.threshold:.2f}: MCC {best.mcc:.3f}")
    axes.axvspan(*best.threshold_interval, color="tab:red", alpha=0.15, label="95 % of resamples")
    axes.set(xlabel="stalled above this probability", ylabel="MCC out of fold", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    save_figure(figure, path)
