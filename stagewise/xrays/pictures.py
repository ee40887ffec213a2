"""Pictures of the X-rays' data: outlines of the masks on the images, areas of the masks, share of each class."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stagewise.checks.contact_sheet import CELL, COLOURS, COLUMNS, ROWS, framed, in_rows, save_sheet, spread, text
from stagewise.data.kinds import XRAYS
from stagewise.files import xray_paths
from stagewise.scores.curves import save_figure
from stagewise.volumes.grey_images import load_grey, load_mask

OUTLINE = (40, 39, 214)  # BGR: red
SCALE = 4  # pixels of a shrunken image for one of the cell, so that a thin outline stays seen
SMALLEST_AREA = 1e-5  # of the histogram, as a share of the image: 10 pixels of 1024 x 1024


def draw_contact_sheet(path: Path, images: pd.DataFrame) -> None:
    """Draw images of each class, evenly spread over the table, the outlines of their masks in red.

    images: columns filename, positive, mask_pixels, of training images that are whole.
    """
    rows = []
    for value, name in XRAYS.classes.items():
        chosen = spread(list(images[images["positive"] == value].itertuples()), COLUMNS * ROWS)
        rows += in_rows([_cell(row.filename, name, COLOURS[value], row.mask_pixels) for row in chosen], COLUMNS)
    save_sheet(path, rows)


def _cell(filename: str, name: str, colour: tuple[int, int, int], mask_pixels: int) -> np.ndarray:
    image = load_grey(xray_paths.image_path("train", filename))
    size = f"{name}, {mask_pixels} px" if mask_pixels else name
    mask = load_mask(xray_paths.mask_path(filename), image.shape) if mask_pixels else np.zeros_like(image)
    return np.concatenate([text([filename, size], colour, CELL), framed(outlined(image, mask), CELL)])


def outlined(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image, shrunken to some pixels for each of a cell, with the mask's outline on it: (h, w, 3) uint8 BGR.

    image, mask: (H, W) uint8 of one size.
    """
    scale = min(SCALE * CELL / max(image.shape), 1)
    size = tuple(max(round(side * scale), 1) for side in image.shape[::-1])
    picture = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    contours = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]
    thickness = max(round(max(size) / CELL), 1)  # a pixel of the cell
    return cv2.drawContours(picture, contours, -1, OUTLINE, thickness)


def draw_areas(path: Path, images: pd.DataFrame) -> None:
    """Histogram of the masks' areas as shares of their images. images: mask_pixels, height, width (pixels)."""
    positive = images[images["mask_pixels"] > 0]
    share = positive["mask_pixels"] / (positive["height"] * positive["width"])
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.hist(share, bins=np.geomspace(SMALLEST_AREA, 1, 51), color="tab:gray")
    median, pixels = share.median(), positive["mask_pixels"].median()
    axes.axvline(median, color="black", linestyle=":", label=f"median {median:.2%} ({pixels:.0f} pixels)")
    axes.set(xscale="log", xlabel="share of the image that the mask takes", ylabel="images with a mask")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    save_figure(figure, path)
