"""The contact sheet: the middle frame of crops of both classes, and of those whose box was in doubt."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from stagewise.data.tables import CLASSES
from stagewise.files import paths
from stagewise.pictures.lettering import Colour, fitting, wrapped, write
from stagewise.volumes.pklz import load_volume

COLUMNS, ROWS = 8, 2  # of a class; crops in doubt are told in cells of twice the width, and have as many rows
CELL = 160  # pixels of a cell's width
MARGIN = 6  # pixels around a cell's text and frame
TEXT_SIZE, LINE = 11, 15  # pixels: of a letter, and from line to line
REASON_LINES = 3
PAPER, INK = 255, (0, 0, 0)
COLOURS = {0: (180, 119, 31), 1: (40, 39, 214)}  # BGR: flowing blue, stalled red, as in the other pictures


def draw_contact_sheet(path: Path, labelled: pd.DataFrame, volumes: pd.DataFrame) -> None:
    """Draw crops of each class, evenly spread over the table, and below them the crops in doubt with the reason.

    labelled: columns filename, stalled, of training videos with a whole volume; volumes: columns subset, filename,
    reason, of all that have one; a reason that is not blank says why the crop is in doubt.
    """
    doubted = volumes[volumes["reason"] != ""]
    in_doubt = set(doubted.loc[doubted["subset"] == "train", "filename"])
    rows = []
    for value, name in CLASSES.items():
        names = labelled.loc[labelled["stalled"] == value, "filename"].tolist()
        cells = [_class_cell(filename, name, COLOURS[value], in_doubt) for filename in spread(names, COLUMNS * ROWS)]
        rows += in_rows(cells, COLUMNS)
    if len(doubted):
        chosen = spread(list(doubted.itertuples()), COLUMNS // 2 * ROWS)
        heading = f"{len(doubted)} of {len(volumes)} crops in doubt, {len(chosen)} of them here"
        cells = [_doubt_cell(row.subset, row.filename, row.reason) for row in chosen]
        rows += [text([heading], INK, COLUMNS * CELL), *in_rows(cells, COLUMNS // 2)]
    save_sheet(path, rows)


def save_sheet(path: Path, rows: list[np.ndarray]) -> None:
    """Write the rows, one below the other, as a PNG. rows: (h, W, 3) uint8 BGR."""
    smallest = (cv2.IMWRITE_PNG_COMPRESSION, 9)  # 0.4 MB, and 1 MB by default
    encoded = cv2.imencode(".png", np.concatenate(rows), smallest)[1]
    with paths.replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def spread(things: list, most: int) -> list:
    """At most so many of the things, evenly spread over them."""
    return [things[place] for place in np.unique(np.linspace(0, len(things) - 1, min(most, len(things))).astype(int))]


def _class_cell(filename: str, name: str, colour: Colour, in_doubt: set[str]) -> np.ndarray:
    frame, size = _middle_frame("train", filename)
    mark = ", in doubt" if filename in in_doubt else ""
    return np.concatenate([text([filename, f"{name}, {size}{mark}"], colour, CELL), framed(frame, CELL)])


def _doubt_cell(subset: str, filename: str, reason: str) -> np.ndarray:
    frame, size = _middle_frame(subset, filename)
    lines = wrapped(reason, 2 * CELL - 2 * MARGIN, TEXT_SIZE)[:REASON_LINES]
    lines += [""] * (REASON_LINES - len(lines))
    heading = text([f"{subset}/{filename}", size, *lines], INK, 2 * CELL)
    return np.concatenate([heading, framed(frame, 2 * CELL)])


def _middle_frame(subset: str, filename: str) -> tuple[np.ndarray, str]:
    volume = load_volume(paths.volume_path(subset, filename))
    return volume[len(volume) // 2], "x".join(map(str, volume.shape[:3]))


def text(lines: Iterable[str], ink: Colour, width: int) -> np.ndarray:
    """Lines on paper of this width in pixels: (H, width, 3) uint8."""
    lines = list(lines)
    picture = np.full((MARGIN + LINE * len(lines), width, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        place = (MARGIN, MARGIN + LINE * number + TEXT_SIZE)
        write(picture, fitting(line, width - 2 * MARGIN, TEXT_SIZE), place, ink, TEXT_SIZE)
    return picture


def framed(frame: np.ndarray, width: int) -> np.ndarray:
    """A frame as large as it fits a square of `CELL` less the margins, in a cell of this width."""
    scale = (CELL - 2 * MARGIN) / max(frame.shape[:2])
    height, breadth = (max(round(side * scale), 1) for side in frame.shape[:2])
    way = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    picture = np.full((CELL, width, 3), PAPER, np.uint8)
    resized = cv2.resize(frame, (breadth, height), interpolation=way)
    picture[MARGIN : MARGIN + height, MARGIN : MARGIN + breadth] = resized
    return picture


def in_rows(cells: list[np.ndarray], columns: int) -> list[np.ndarray]:
    """The cells side by side, so many in a row, the last row filled up with paper."""
    rows = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        row += [np.full_like(cells[0], PAPER)] * (columns - len(row))
        rows.append(np.concatenate(row, axis=1))
    return rows
