"""Pictures of the data as a whole: sizes of the crops, and class share."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stagewise.data.kinds import CLIPS, Kind
from stagewise.scores.curves import save_figure


def draw_sizes(path: Path, index: pd.DataFrame, input_shape: tuple[int, int, int]) -> None:
    """Histograms of the crops' frames, height and width, the net's input and the median marked.

    index: columns frames, height, width (pixels) of the volumes; input_shape: of the net, the same three.
    """
    figure = Figure(figsize=(12, 3.5), layout="constrained")
    for axes, name, net_size in zip(figure.subplots(1, 3), ("frames", "height", "width"), input_shape, strict=True):
        sizes, median = index[name], index[name].median()
        axes.hist(sizes, bins=np.linspace(0, max(sizes.max(), net_size) * 1.05, 41), color="tab:gray")
        axes.axvline(median, color="black", linestyle=":", label=f"median {median:.0f}")
        smaller = (sizes <= net_size).mean()
        axes.axvline(net_size, color="tab:orange", label=f"net input {net_size}: {smaller:.0%} fit")
        axes.set(xlabel=f"{name} of the crop" if name == "frames" else f"{name} of the crop, pixels")
        axes.set_ylabel("volumes")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    save_figure(figure, path)


def draw_classes(path: Path, groups: dict[str, pd.Series], kind: Kind = CLIPS) -> None:
    """Share of each class, a bar a group. groups: the label (0 or 1) of each row of a group, by its name."""
    figure = Figure(figsize=(7, 1.2 + 0.5 * len(groups)), layout="constrained")
    axes = figure.subplots()
    names = [f"{name}\n({len(labels)} {kind.file}s)" for name, labels in groups.items()]
    share = np.array([labels.mean() for labels in groups.values()])
    axes.barh(names, share, color="tab:red", label=kind.classes[1])
    axes.barh(names, 1 - share, left=share, color="tab:blue", label=kind.classes[0])
    for row, labels in enumerate(groups.values()):
        axes.text(
            0.99,
            row,
            f"{int(labels.sum())} {kind.classes[1]}, {labels.mean():.1%}",
            ha="right",
            va="center",
            color="white",
        )
    axes.set(xlim=(0, 1), xlabel=f"share of the {kind.file}s")
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=2)
    save_figure(figure, path)
