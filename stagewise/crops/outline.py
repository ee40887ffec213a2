"""The outline in a frame: pixels of its colour, and the closed lines that they make."""

from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.crops.filmstrip import Box

# Winner's values: the orange of the antialiased outline, BGR, both ends inclusive.
OUTLINE_LOWEST = (9, 13, 104)
OUTLINE_HIGHEST = (98, 143, 255)
COLOUR = f"orange between BGR {OUTLINE_LOWEST} and {OUTLINE_HIGHEST}"

SMALLEST_SIDE = 8  # ours, pixels: no vessel with a line around it is smaller
# ours: a gap of up to 6 pixels is closed. Real frames of 512x384 need none of it; one made four times as small, whose
# line is a pixel wide, has gaps of 5
CLOSING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
# ours, of a line and what it surrounds: half in phantom clips, and a fifth where a line of 5 pixels goes around 19x19;
# what is orange all over surrounds specks
LEAST_HOLE = 0.1
# ours: an area of at least this share of the largest one, or of this width in pixels, is another outline's and no
# letter's; a line 5 pixels away from a capillary of 4 pixels, as in real frames, leaves 14
RIVAL_SHARE, RIVAL_WIDTH = 0.1, 14

Walls = tuple[bool, bool, bool, bool]  # which sides of a mask (y0, x0, y1, x1) are sides of the frame


@dataclass(frozen=True)
class Ring:
    """A closed line: the box around it and what touches it, and of one area that it surrounds the box and pixels.

    cut: whether it is closed only with the sides of the frame.
    """

    box: Box
    hole: Box
    area: int
    cut: bool


def orange_pixels(frame: np.ndarray) -> np.ndarray:
    """Where a frame, (H, W, 3) uint8 BGR, is of the outline's colour: (H, W) uint8, 255 there, else 0."""
    return cv2.inRange(frame, OUTLINE_LOWEST, OUTLINE_HIGHEST)


def box_around(mask: np.ndarray) -> Box | None:
    """The bounding rectangle (y0, x0, y1, x1), half open, of what is above 0; None without such a pixel."""
    x, y, width, height = cv2.boundingRect(mask)
    return (y, x, y + height, x + width) if width else None


def outline_box(frame: np.ndarray) -> Box | None:
    """The box around all pixels of the outline's colour in a frame, (H, W, 3) uint8 BGR."""
    return box_around(orange_pixels(frame))


def union(first: Box | None, second: Box | None) -> Box | None:
    """The smallest box around both; None is a box around nothing."""
    if first is None or second is None:
        return first or second
    return (*map(min, first[:2], second[:2]), *map(max, first[2:], second[2:]))


def intersection(first: Box, second: Box) -> Box | None:
    """What both boxes share; None is nothing."""
    y0, x0, y1, x1 = (*map(max, first[:2], second[:2]), *map(min, first[2:], second[2:]))
    return (y0, x0, y1, x1) if y0 < y1 and x0 < x1 else None


def outlines(mask: np.ndarray, walls: Walls) -> list[Ring]:
    """The closed lines in a mask that may be an outline, the one around the largest area first.

    mask: (h, w) uint8, above 0 where the colour is. walls: a line that ends at a side of the frame is closed there.
    """
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, CLOSING)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    rings = []
    for label, (x, y, width, height, _) in enumerate(statistics.tolist()):
        if label and min(height, width) >= SMALLEST_SIDE:
            part = np.s_[y : y + height, x : x + width]
            line = labels[part] == label
            touching = (y == 0, x == 0, y + height == mask.shape[0], x + width == mask.shape[1])
            shut = [wall and touches for wall, touches in zip(walls, touching, strict=True)]
            box = _moved(box_around((line & (mask[part] > 0)).astype(np.uint8)), y, x)
            whole = [Ring(box, _moved(hole, y, x), area, False) for hole, area in _holes(line, [False] * 4)]
            rings += whole or [Ring(box, _moved(hole, y, x), area, True) for hole, area in _holes(line, shut)]
    rings.sort(key=lambda ring: -ring.area)
    return [ring for ring in rings if _is_outline(ring, rings[0])]


def _holes(line: np.ndarray, shut: list[bool]) -> list[tuple[Box, int]]:
    """Areas that a line surrounds: their boxes and pixels. shut: the sides that it surrounds them with."""
    free = np.pad(~line, 1, constant_values=True)
    for side, is_shut in zip((free[0], free[:, 0], free[-1], free[:, -1]), shut, strict=True):
        side[:] &= not is_shut
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(free.astype(np.uint8), connectivity=4)
    outside = {0, *labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]}
    least = LEAST_HOLE / (1 - LEAST_HOLE) * np.count_nonzero(line)
    return [
        ((y - 1, x - 1, y - 1 + height, x - 1 + width), area)
        for label, (x, y, width, height, area) in enumerate(statistics.tolist())
        if label not in outside and area >= least
    ]


def _is_outline(ring: Ring, largest: Ring) -> bool:
    if ring.cut and ring is not largest and (ring.box == largest.box or union(ring.hole, largest.hole) == largest.hole):
        return False  # a corner of the frame that the largest one, or another piece of it, cuts off
    y0, x0, y1, x1 = ring.hole
    return ring.area >= RIVAL_SHARE * largest.area or min(y1 - y0, x1 - x0) >= RIVAL_WIDTH


def _moved(box: Box, down: int, right: int) -> Box:
    return box[0] + down, box[1] + right, box[2] + down, box[3] + right
