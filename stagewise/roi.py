"""The region of interest: the crop inside the orange outline, by the winning recipe's rule."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stagewise.video import VideoError, read_frames
from stagewise.volumes import LARGEST_BYTES

# Winner's values: the orange of the antialiased outline, BGR, both ends inclusive.
OUTLINE_LOWEST = (9, 13, 104)
OUTLINE_HIGHEST = (98, 143, 255)

# ours: 227 frames of 512x384, more than 99 % of the videos have; a longer one is decoded a second time instead
KEPT_BYTES = 128 << 20

Box = tuple[int, int, int, int]  # (y0, x0, y1, x1) in pixels, half open


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

    Holds one video of up to `KEPT_BYTES` in memory. Raises VideoError for a video without any outline, for a crop
    too large to be one, and where `read_frames` does.
    """
    box, frame_count, frames_with_outline, kept = None, 0, 0, []
    for frame in read_frames(path):
        found = outline_box(frame)
        box = union(box, found)
        frame_count += 1
        frames_with_outline += found is not None
        if frame_count * frame.nbytes <= KEPT_BYTES:
            kept.append(frame)
    if box is None:
        raise VideoError(path, f"no outline in any of its {frame_count} frames")
    y0, x0, y1, x1 = box
    shape = (frame_count, y1 - y0, x1 - x0, 3)
    if np.prod(shape, dtype=np.int64) > LARGEST_BYTES:
        raise VideoError(path, f"its crop of {shape} is larger than {LARGEST_BYTES >> 20} MiB")
    if len(kept) < frame_count:
        kept = read_frames(path)
    volume = np.empty(shape, np.uint8)
    for index, frame in enumerate(kept):
        volume[index] = frame[y0:y1, x0:x1]
    return Roi(volume, box, frames_with_outline)
