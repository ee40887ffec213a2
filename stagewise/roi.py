"""The region of interest: the crop inside the orange outline, by the winning recipe's rule."""

import functools
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from stagewise.filmstrip import Box, FilmStrip, can_be_cut, planes
from stagewise.video import VideoError, decode, read_frames
from stagewise.volumes import LARGEST_BYTES

# Winner's values: the orange of the antialiased outline, BGR, both ends inclusive.
OUTLINE_LOWEST = (9, 13, 104)
OUTLINE_HIGHEST = (98, 143, 255)

WINDOW_MARGIN = 16  # ours, pixels around the first frame's outline: from frame to frame coding moves it by a few
KEPT_BYTES = 128 << 20  # ours: the longest video's windows, 434 of 512x384; a longer one is decoded again instead


@dataclass(frozen=True)
class Roi:
    """A video's crop.

    volume: (T, h, w, 3) uint8 BGR, every frame of the video, the outline kept; box: where it lies in the frame;
    frames_with_outline: how many of the T frames had outline pixels.
    """

    volume: np.ndarray
    box: Box
    frames_with_outline: int


def outline_box(frame: np.ndarray) -> Box | None:
    """The bounding rectangle of the outline's pixels.

    frame: (H, W, 3) uint8 BGR. Returns: (y0, x0, y1, x1) in pixels, half open; None without such a pixel.
    """
    x, y, width, height = cv2.boundingRect(cv2.inRange(frame, OUTLINE_LOWEST, OUTLINE_HIGHEST))
    return (y, x, y + height, x + width) if width else None


def union(first: Box | None, second: Box | None) -> Box | None:
    """The smallest box around both; None is a box around nothing."""
    if first is None or second is None:
        return first or second
    return (*map(min, first[:2], second[:2]), *map(max, first[2:], second[2:]))


def extract_roi(path: Path) -> Roi:
    """Crop a video to the union of its frames' outline boxes; frames without outline do not count for the box.

    Holds a window of the video of up to `KEPT_BYTES` and its crop in memory. Raises VideoError for a video without
    any outline, for a crop too large to be one, and where `decode` does.
    """
    return _roi_in_one_pass(path) or _roi_in_two_passes(path)


def orange_box(frame: av.VideoFrame) -> Box | None:
    """A box around all of the frame's blocks whose chroma a pixel of the outline can have, and few others.

    frame: one that `can_be_cut`. Returns: pixels, all even, half open, around `outline_box` of the frame; None
    without such a block.
    """
    _, blue, red = planes(frame)
    # of all 2^24 colours, those that the rule takes have 4 (red - 128) - 5 (blue - 128) >= 13, whatever their luma
    # (tests/test_roi.py counts them out); a fifth of that less 2 rounds to 1 or more from 13 on, and 12 to 0
    x, y, width, height = cv2.boundingRect(cv2.addWeighted(red, 0.8, blue, -1, 0.2 * 128 - 2))
    return (2 * y, 2 * x, 2 * (y + height), 2 * (x + width)) if width else None


def _roi_in_one_pass(path: Path) -> Roi | None:
    """The crop out of a window around the first frame's outline; None where the outline leaves it or it is not cut."""
    strip = None
    for frame in decode(path):
        if not can_be_cut(frame):
            return None
        near = orange_box(frame)
        if strip is None:
            if near is None:
                return None
            strip = FilmStrip(_widened(near, frame))
        if union(near, strip.window) != strip.window:  # something orange, or only nearly so
            near = outline_box(frame.to_ndarray(format="bgr24"))
        if union(near, strip.window) != strip.window or strip.nbytes > KEPT_BYTES:
            return None
        strip.add(frame)
    windows = strip.bgr()
    boxes = [outline_box(window) for window in windows]
    box = functools.reduce(union, boxes)
    if box is None:
        return None
    y0, x0, y1, x1 = box
    volume = _empty_volume(path, len(windows), box)
    for target, window in zip(volume, windows, strict=True):
        target[:] = window[y0:y1, x0:x1]
    top, left = strip.window[:2]
    box = (y0 + top, x0 + left, y1 + top, x1 + left)
    return Roi(volume, box, sum(found is not None for found in boxes))


def _widened(box: Box, frame: av.VideoFrame) -> Box:
    y0, x0, y1, x1 = box
    first = (max(y0 - WINDOW_MARGIN, 0), max(x0 - WINDOW_MARGIN, 0))
    return (*first, min(y1 + WINDOW_MARGIN, frame.height), min(x1 + WINDOW_MARGIN, frame.width))


def _roi_in_two_passes(path: Path) -> Roi:
    """The rule as it is written, for any video: every frame's box first, then every frame's crop."""
    boxes = [outline_box(frame) for frame in read_frames(path)]
    box = functools.reduce(union, boxes)
    if box is None:
        raise VideoError(path, f"no outline in any of its {len(boxes)} frames")
    y0, x0, y1, x1 = box
    volume = _empty_volume(path, len(boxes), box)
    for target, frame in zip(volume, read_frames(path), strict=True):
        target[:] = frame[y0:y1, x0:x1]
    return Roi(volume, box, sum(found is not None for found in boxes))


def _empty_volume(path: Path, frames: int, box: Box) -> np.ndarray:
    y0, x0, y1, x1 = box
    shape = (frames, y1 - y0, x1 - x0, 3)
    if np.prod(shape, dtype=np.int64) > LARGEST_BYTES:
        raise VideoError(path, f"its crop of {shape} is larger than {LARGEST_BYTES >> 20} MiB")
    return np.empty(shape, np.uint8)
