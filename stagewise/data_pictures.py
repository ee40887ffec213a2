"""Pictures of the data: sizes of the crops, class share, and the crops themselves."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stagewise import paths
from stagewise.curves import save_figure
from stagewise.recipes.d121 import INPUT_SHAPE
from stagewise.tables import CLASSES
from stagewise.volumes import load_volume

COLUMNS = 8  # of the contact sheet
ROWS_PER_CLASS = 2


def draw_sizes(path: Path, index: pd.DataFrame) -> None:
    """Histograms of the crops' frames, height and width, the net's input and the median marked.

    index: columns frames, height, width (pixels) of the volumes.
    """
    figure = Figure(figsize=(12, 3.5), layout="constrained")
    for axes, name, net_size in zip(figure.subplots(1, 3), ("frames", "height", "width"), INPUT_SHAPE, strict=True):
        sizes, median = index[name], index[name].median()
        axes.hist(sizes, bins=np.linspace(0, max(sizes.max(), net_size) * 1.05, 41), color="tab:gray")
        axes.axvline(median, color="black", linestyle=":", label=f"median {median:.0f}")
        smaller = (sizes <= net_size).mean()
        axes.axvline(net_size, color="tab:orange", label=f"net input {net_size}: {smaller:.0%} fit")
        axes.set(xlabel=f"{name} of the crop" if name == "frames" else f"{name} of the crop, pixels")
        axes.set_ylabel("volumes")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    save_figure(figure, path)


def draw_classes(path: Path, groups: dict[str, pd.Series]) -> None:
    """Share of each class, a bar a group. groups: stalled (0 or 1) of each group's videos, by name."""
    figure = Figure(figsize=(7, 1.2 + 0.5 * len(groups)), layout="constrained")
    axes = figure.subplots()
    names = [f"{name}\n({len(stalled)} videos)" for name, stalled in groups.items()]
    share = np.array([stalled.mean() for stalled in groups.values()])
    axes.barh(names, share, color="tab:red", label="stalled")
    axes.barh(names, 1 - share, left=share, color="tab:blue", label="flowing")
    for row, stalled in enumerate(groups.values()):
        axes.text(
            0.99, row, f"{int(stalled.sum())} stalled, {stalled.mean():.1%}", ha="right", va="center", color="white"
        )
    axes.set(xlim=(0, 1), xlabel="share of the videos")
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=2)
    save_figure(figure, path)


def draw_contact_sheet(path: Path, labelled: pd.DataFrame) -> None:
    """The middle frame of crops of both classes, evenly spread over the table.

    labelled: columns filename, stalled, of training videos with a whole volume.
    """
    rows = ROWS_PER_CLASS * len(CLASSES)
    figure = Figure(figsize=(1.6 * COLUMNS, 1.9 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS).reshape(len(CLASSES), -1)
    for axes in grid.flat:
        axes.set_axis_off()
    for (value, name), cells in zip(CLASSES.items(), grid, strict=True):
        names = labelled.loc[labelled["stalled"] == value, "filename"].tolist()
        chosen = np.unique(np.linspace(0, len(names) - 1, min(len(cells), len(names))).astype(int))
        for axes, filename in zip(cells, (names[place] for place in chosen), strict=False):
            volume = load_volume(paths.volume_path("train", filename))
            axes.imshow(volume[len(volume) // 2, :, :, ::-1])  # BGR to RGB, for the eye alone
            size = "x".join(map(str, volume.shape[:3]))
            colour = "tab:red" if value else "tab:blue"
            # parse_math: a name with two $ is a name, not a formula
            axes.set_title(f"{filename}\n{name}, {size}", fontsize=7, color=colour, parse_math=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        save_figure(figure, path)
