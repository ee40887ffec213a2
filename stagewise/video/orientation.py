"""How a video is turned before it is shown: the display matrix of a track or a frame, applied as players do."""

import av
import numpy as np

from stagewise.messages.commands import CONVERT
from stagewise.video.container_error import ContainerError

UPRIGHT = ((1, 0), (0, 1))
MOST_SKEW = 0.01  # of a matrix that only turns, by rounding: half a degree

Turn = tuple[tuple[int, int], tuple[int, int]]


def turn_of(frame: av.VideoFrame) -> Turn:
    """The signs of the frame's display matrix ((a, b), (c, d)): a pixel at (x, y) is shown at (ax + cy, bx + dy).

    Its scale and shift are left aside, as FFmpeg leaves them. Raises ContainerError for a turn that is no multiple of
    90 degrees, flips or none.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)  # 3x3, 16.16 fixed point, in the CPU's order
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) < MOST_SKEW * straight:
        return (int(np.sign(a)), 0), (0, int(np.sign(d)))
    if max(abs(a), abs(d)) < MOST_SKEW * crossed:
        return (0, int(np.sign(b))), (int(np.sign(c)), 0)
    raise ContainerError("is shown turned by an angle that is no multiple of 90 degrees; " + CONVERT)


def turned(pixels: np.ndarray, turn: Turn) -> np.ndarray:
    """A frame as it is shown. pixels: (H, W, 3); returns a view of shape (H, W, 3) or (W, H, 3)."""
    (a, b), (c, d) = turn
    if a:
        return pixels[::d, ::a]
    return pixels.swapaxes(0, 1)[::b, ::c]
