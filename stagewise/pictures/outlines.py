"""An X-ray with the outlines of masks on it."""

import base64
from collections.abc import Iterable

import cv2
import numpy as np

from stagewise.pictures.lettering import Colour

TRUTH, ANSWER = (255, 200, 0), (0, 120, 255)  # BGR: blue and orange, which colour-blind readers tell apart, too
SIDE = 384  # pixels of the longer one of a picture's
SHIFT = 4  # bits of a pixel's fraction, in which outlines are drawn


def outlined(image: np.ndarray, masks: Iterable[tuple[np.ndarray, Colour]], side: int = SIDE) -> np.ndarray:
    """The image with each mask's outline in its colour, the later ones above.

    image: (H, W) uint8; masks: (h, w) bool or numbers of which 0 alone is outside, over the whole image at any size.
    Returns: (height, width, 3) uint8 BGR, the longer of them `side`. However small a mask is, something of it is seen.
    """
    scale = side / max(image.shape)
    height, width = (max(round(length * scale), 1) for length in image.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=way), cv2.COLOR_GRAY2BGR)
    for mask, colour in masks:
        inside = np.not_equal(mask, 0).astype(np.uint8)
        found, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        enlarged = np.array([width, height]) / inside.shape[::-1]
        for outline in found:  # a pixel's centre is half a pixel from its edge at any size
            points = np.rint(((outline + 0.5) * enlarged - 0.5) * (1 << SHIFT)).astype(np.int32)
            cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA, SHIFT)
    return picture


def png_uri(picture: np.ndarray) -> str:
    """A PNG as the address of an image inside a page. picture: (H, W, 3) uint8 BGR."""
    content = cv2.imencode(".png", picture, (cv2.IMWRITE_PNG_COMPRESSION, 9))[1].tobytes()
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
