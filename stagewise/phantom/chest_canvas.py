"""What a chest film is drawn with: outlines, lines and bands of a unit square, soft edges, spots and clouds."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from stagewise.phantom.chest_bones import Band

FRACTION = 5  # bits of a pixel's fraction in what OpenCV draws


def filled(outlines: Iterable[np.ndarray], side: int, line: int = cv2.LINE_8) -> np.ndarray:
    """(side, side) uint8: 255 inside any of the closed outlines."""
    canvas = np.zeros((side, side), np.uint8)
    for outline in outlines:
        cv2.fillPoly(canvas, [pixels(outline, side)], 255, line, FRACTION)
    return canvas


def pixels(points: np.ndarray, side: int) -> np.ndarray:
    """OpenCV's whole numbers for points in units of the side; a pixel's centre is a whole number there."""
    return np.round((points * side - 0.5) * (1 << FRACTION)).astype(np.int32)


class Canvas:
    """Draws (side, side) layers, from points in units of the side. rng: of the clouds."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side, self.rng = side, rng

    def soft(self, mask: np.ndarray, width: float) -> np.ndarray:
        """A mask of 0-255 as float32 of 0-1, its edge blurred by `width` of the side: a deviation of a Gaussian."""
        shrink = max(1, int(width * self.side / 4))  # what is as soft as that shows no fewer pixels
        small = -(-self.side // shrink)
        blurred = cv2.resize(mask, (small, small), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        blurred = cv2.GaussianBlur(blurred, (0, 0), width * small, borderType=cv2.BORDER_REPLICATE)
        return cv2.resize(blurred, (self.side, self.side), interpolation=cv2.INTER_LINEAR)

    def filled(self, outlines: Iterable[np.ndarray]) -> np.ndarray:
        """As the function, with smooth edges."""
        return filled(outlines, self.side, cv2.LINE_AA)

    def area(self, outlines: Iterable[np.ndarray], width: float) -> np.ndarray:
        """float32 of 0-1: inside any of the outlines, with an edge as `soft` makes it."""
        return self.soft(self.filled(outlines), width)

    def strokes(self, lines: Sequence[np.ndarray], tone: int, width: float) -> np.ndarray:
        """uint8: lines of so many 512ths of the side."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        for line in lines:
            self.stroke(canvas, line, tone, width)
        return canvas

    def stroke(self, canvas: np.ndarray, line: np.ndarray, tone: int, width: float) -> None:
        """Draw one line over what is there."""
        wide = max(1, round(width * self.side / 512))
        cv2.polylines(canvas, [pixels(line, self.side)], False, tone, wide, cv2.LINE_AA, FRACTION)

    def bands(self, bands: Sequence[Band], edge: int, inside: int, blur: float) -> np.ndarray:
        """Bones, float32 of 0-1: dense bark (`edge`, of 255) around marrow (`inside`); without bark where edge is 0."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        for one, other in (band.edges for band in bands):
            outline = pixels(np.concatenate([one, other[::-1]]), self.side)
            cv2.fillPoly(canvas, [outline], inside, cv2.LINE_AA, FRACTION)
        bark = self.strokes([line for band in bands for line in band.edges], edge, 1)
        return self.soft(np.maximum(canvas, bark), blur)

    def spot(self, centre: Sequence[float], axes: Sequence[float]) -> np.ndarray:
        """float32: a Gaussian of height 1; centre and deviations are x, y in units of the side."""
        place = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side
        x, y = (np.exp(-0.5 * ((place - middle) / axis) ** 2) for middle, axis in zip(centre, axes, strict=True))
        return x[None] * y[:, None]

    def clouds(self, cells: int, deviation: float) -> np.ndarray:
        """float32: smooth noise of so many cells a side."""
        noise = self.rng.standard_normal((cells, cells), dtype=np.float32) * np.float32(deviation)
        return cv2.resize(noise, (self.side, self.side), interpolation=cv2.INTER_CUBIC)

    def ramp(self, across: float, down: float) -> np.ndarray:
        """float32: from minus to plus these values, from the left to the right and from the top to the bottom."""
        place = np.linspace(-1, 1, self.side, dtype=np.float32)
        return np.float32(across) * place[None] + np.float32(down) * place[:, None]
