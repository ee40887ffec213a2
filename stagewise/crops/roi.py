"""The region of interest: the crop inside the orange outline, by the winning recipe's rule."""

from dataclasses import dataclass

import av
import cv2
import numpy as np

from stagewise.crops.doubts import View, judge
from stagewise.crops.filmstrip import Box, FilmStrip, can_be_cut, planes
from stagewise.crops.outline import orange_pixels, outline_box, union
from stagewise.video.codecs import CODECS
from stagewise.video.decoding import VideoError, decode, read_frames
from stagewise.video.held import Video
from stagewise.volumes.pklz import LARGEST_BYTES

WINDOW_MARGIN = 8  # ours, pixels around the first frame's outline: from frame to frame coding moves it by a few
KEPT_BYTES = 128 << 20  # ours: the longest video's windows, 434 of 512x384; a longer one is decoded again instead


@dataclass(frozen=True)
class Roi:
    """A video's crop.

    volume: (T, h, w, 3) uint8 BGR, every frame of the video, the outline kept; box: where it lies in the frame;
    frames_with_outline: how many of the T frames had outline pixels; reason: why the box was in doubt, else blank.
    """

    volume: np.ndarray
    box: Box
    frames_with_outline: int
    reason: str = ""


def extract_roi(video: Video, codecs: tuple[str, ...] = CODECS) -> Roi:
    """Crop a video to the union of its frames' outline boxes; frames without outline do not count for the box.

    Where that union is in doubt, the crop is the closed outline's alone. Holds a window of the video of up to
    `KEPT_BYTES` and its crop in memory. Raises VideoError for a video without an outline to trust, for a crop too
    large to be one, and where `decode` does.
    """
    strip = _strip_around_outline(video, codecs)
    windows = strip.bgr() if strip else []
    view = View(strip.window, strip.like.height, strip.like.width) if strip else None
    found = judge(lambda: map(orange_pixels, windows or read_frames(video, codecs)), view)
    if found.box is None:
        raise VideoError(video, found.reason)
    y0, x0, y1, x1 = found.box
    shape = (found.frames, y1 - y0, x1 - x0, 3)
    if np.prod(shape, dtype=np.int64) > LARGEST_BYTES:
        raise VideoError(video, f"its crop of {shape} is larger than {LARGEST_BYTES >> 20} MiB")
    volume = np.empty(shape, np.uint8)
    for target, frame in zip(volume, windows or read_frames(video, codecs), strict=True):
        target[:] = frame[y0:y1, x0:x1]
    top, left = strip.window[:2] if strip else (0, 0)
    box = (y0 + top, x0 + left, y1 + top, x1 + left)
    return Roi(volume, box, found.frames_with_outline, found.reason)


def orange_chroma(blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """Where a block's chroma is one that a pixel of the outline can have, and few others.

    blue, red: (H / 2, W / 2) uint8, chroma planes of a frame that `can_be_cut`. Returns: the same, above 0 there.
    """
    # of all 2^24 colours, those that the rule takes have 4 (red - 128) - 5 (blue - 128) >= 13, whatever their luma
    # (tests/test_roi.py counts them out); a fifth of that less 2 rounds to 1 or more from 13 on, and 12 to 0
    return cv2.addWeighted(red, 0.8, blue, -1, 0.2 * 128 - 2)


def _strip_around_outline(video: Video, codecs: tuple[str, ...]) -> FilmStrip | None:
    """A window of every frame with all outline pixels in it, in one decoding; None where that cannot be had so.

    The window lies around the first frame's outline, and an outline that leaves it needs a second decoding, as do a
    first frame without outline, frames that cannot be cut, and more than `KEPT_BYTES`.
    """
    strip = None
    for frame in decode(video, codecs):
        if not can_be_cut(frame):
            return None
        luma, blue, red = planes(frame)
        if strip is None or _any_outside(strip.window, orange_chroma(blue, red)):  # or something nearly orange
            box = outline_box(frame.to_ndarray(format="bgr24", threads=1))
            if strip is None and box:
                strip = FilmStrip(frame, _widened(box, frame))
            if strip is None or union(box, strip.window) != strip.window:
                return None
        if strip.nbytes > KEPT_BYTES:
            return None
        strip.add(luma, blue, red)
    return strip


def _any_outside(window: Box, orange: np.ndarray) -> bool:
    y0, x0, y1, x1 = (place // 2 for place in window)
    orange[y0:y1, x0:x1] = 0
    return cv2.hasNonZero(orange)


def _widened(box: Box, frame: av.VideoFrame) -> Box:
    """The box and `WINDOW_MARGIN` around it, within the frame and at even places."""
    y0, x0 = (max(low - WINDOW_MARGIN, 0) // 2 * 2 for low in box[:2])
    y1, x1 = (
        min(high + WINDOW_MARGIN + high % 2, size)
        for high, size in zip(box[2:], (frame.height, frame.width), strict=True)
    )
    return y0, x0, y1, x1
