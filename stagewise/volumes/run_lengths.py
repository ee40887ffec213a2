"""Masks as the competition writes them: run lengths, down each column and then the next, relative to one another.

"5 2 5 2": five pixels outside, two inside, five outside, two inside, and the rest outside. A run that reaches the
end of a column goes on at the top of the next. "-1" is a mask without a pixel.
"""

import re

import cv2
import numpy as np

EMPTY = "-1"
INSIDE = 255
NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
SHOWN = 40  # characters of a text that is no number, in a message


class RunLengthError(ValueError):
    """Run lengths that are no mask of the image; the message says why, without naming the image."""


def encoded(mask: np.ndarray) -> str:
    """The run lengths of a mask, "-1" where it has no pixel.

    mask: (H, W) bool or uint8, anything but 0 is inside. Raises ValueError for an array of other dimensions.
    """
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"{mask.dtype} {mask.shape} is not a mask: (H, W)")
    inside = np.zeros(mask.size + 2, np.uint8)  # a pixel outside before the first and behind the last: every run ends
    # OpenCV turns 1024 x 1024 in a twentieth of NumPy's time
    inside[1:-1] = cv2.transpose(np.not_equal(mask, 0).view(np.uint8)).ravel()
    edges = np.flatnonzero(inside[1:] != inside[:-1])  # where a run begins, where it ends, where the next begins, ...
    return " ".join(map(str, np.diff(edges, prepend=0).tolist())) or EMPTY


def decoded(text: str, shape: tuple[int, int]) -> np.ndarray:
    """The mask of one row. shape: (H, W) of its image; a gap of 0 pixels between two runs is taken for one run.

    Returns: (H, W) uint8, 0 or 255, C order. Raises RunLengthError for anything that is no mask of such an image.
    """
    gaps, lengths = _pairs(text, shape[0] * shape[1])
    runs = np.zeros(2 * gaps.size + 1, np.int64)
    runs[0:-1:2], runs[1::2] = gaps, lengths
    runs[-1] = shape[0] * shape[1] - runs.sum()
    values = np.zeros(runs.size, np.uint8)
    values[1::2] = INSIDE
    return cv2.transpose(np.repeat(values, runs).reshape(shape[::-1]))


def _pairs(text: str, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaps and lengths of the runs, int64, which lie inside the image."""
    words = text.split()
    if words == [EMPTY]:
        words = []
    elif not words:
        raise RunLengthError(f'no run lengths; a mask without a pixel is "{EMPTY}"')
    strange = next((word for word in words if not NUMBER.fullmatch(word)), None)
    if strange is not None:
        raise RunLengthError(f"{strange[:SHOWN]!r} is not a whole number")
    if len(words) % 2:
        raise RunLengthError(f"{len(words)} numbers, an odd count: the last run has no length")
    numbers = np.array([_bounded(word, pixels) for word in words], np.int64)
    gaps, lengths = numbers[0::2], numbers[1::2]
    _check(gaps, lengths, pixels)
    return gaps, lengths


def _bounded(word: str, pixels: int) -> int:
    """The number, or one just beyond the image where it has too many digits to be worth reading."""
    if len(word) > 20:
        return -1 if word.startswith("-") else pixels + 1
    return min(max(int(word), -1 - pixels), pixels + 1)  # so that no sum overflows


def _check(gaps: np.ndarray, lengths: np.ndarray, pixels: int) -> None:
    if (gaps < 0).any():
        which = int(np.argmax(gaps < 0))
        raise RunLengthError(f"run {which + 1} has a negative offset ({gaps[which]})")
    if (lengths < 1).any():
        which = int(np.argmax(lengths < 1))
        raise RunLengthError(f"run {which + 1} has the length {lengths[which]}; it must be 1 at least")
    ends = np.cumsum(gaps + lengths)
    if ends.size and ends[-1] > pixels:
        which = int(np.argmax(ends > pixels))
        raise RunLengthError(f"run {which + 1} ends beyond the image of {pixels} pixels")
