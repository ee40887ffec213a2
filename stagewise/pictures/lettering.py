"""Lines of text on pictures, in OpenCV's own fonts: the same on every machine, with Chinese, Japanese and Korean."""

import functools

import cv2
import numpy as np

Colour = tuple[int, int, int]  # BGR
ELLIPSIS = "…"


@functools.cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def write(picture: np.ndarray, line: str, place: tuple[int, int], ink: Colour, size: int) -> None:
    """Draw one line. place: x and y in pixels of the left end of its base line; size: pixels of a letter."""
    cv2.putText(picture, drawable(line), place, ink, _font(), size)


def drawable(line: str) -> str:
    """The line with its code in place of each letter that the font lacks or that cannot be printed."""
    return "".join(letter if letter.isascii() and letter.isprintable() else _escaped(letter) for letter in line)


@functools.cache
def _escaped(letter: str) -> str:
    # a surrogate ends the process within OpenCV; a letter that no font has is drawn as a question mark
    shown = letter.isprintable() and _drawn(letter) != _drawn("?")
    return letter if shown else letter.encode("unicode_escape", "surrogatepass").decode()


def _drawn(letter: str) -> bytes:
    picture = np.zeros((40, 60), np.uint8)
    cv2.putText(picture, letter, (10, 30), (255,), _font(), 20)
    return picture.tobytes()


def width_of(line: str, size: int) -> int:
    """Pixels that the line takes."""
    return cv2.getTextSize((1, 1), drawable(line), (0, 0), _font(), size)[2]


def fitting(line: str, width: int, size: int) -> str:
    """The line, cut in its middle where it is wider than so many pixels: its two ends say what it is."""
    line = drawable(line)
    kept, shown = len(line), line
    while kept and width_of(shown, size) > width:
        kept -= 1
        shown = f"{line[: (kept + 1) // 2]}{ELLIPSIS}{line[len(line) - kept // 2 :]}"
    return shown


def wrapped(text: str, width: int, size: int) -> list[str]:
    """The text's words in lines, each as wide as so many pixels at most but for a single word that is wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
