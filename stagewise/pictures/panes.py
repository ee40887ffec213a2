"""The picture of a heat-map video: the clip, its heat map, and the mean of both, side by side under a title."""

from collections.abc import Sequence

import cv2
import numpy as np

from stagewise.pictures.lettering import fitting, write

LEAST_HEIGHT = 256  # pixels of a pane: a crop of 60x70 is shown four times as large
LARGEST_SIDE = 640  # pixels of a pane: three of them are as wide as a screen
LEAST_WIDTH = 600  # pixels of the picture, so that a title has room above narrow clips
GAP = 4  # pixels between panes
BACKGROUND, INK = 24, (235, 235, 235)  # grey levels, BGR
TEXT_SIZE, LINE = 15, 22  # pixels: of a letter, and from line to line
MARGIN = 8  # pixels around the title


class ThreePanes(Sequence):
    """The frames of the video, each drawn when it is asked for: T of (H, W, 3) uint8 BGR."""

    def __init__(self, volume: np.ndarray, heat: np.ndarray, title: str, height: int = LEAST_HEIGHT) -> None:
        """volume, heat: (T, h, w, 3) uint8 BGR; title: lines; height: pixels that a smaller clip is enlarged to."""
        if volume.shape != heat.shape:
            raise ValueError(f"a heat map of {heat.shape} does not lie on a clip of {volume.shape}")
        self.volume, self.heat = volume, heat
        self.pane = pane_size(*volume.shape[1:3], height)
        self.banner = _banner(title, max(3 * self.pane[1] + 2 * GAP, LEAST_WIDTH))

    def __len__(self) -> int:
        return len(self.volume)

    def __getitem__(self, number: int) -> np.ndarray:
        clip, heat = _resized(self.volume[number], self.pane), _resized(self.heat[number], self.pane)
        height, width = self.pane
        picture = np.full((len(self.banner) + height, self.banner.shape[1], 3), BACKGROUND, np.uint8)
        picture[: len(self.banner)] = self.banner
        left = (picture.shape[1] - 3 * width - 2 * GAP) // 2
        for place, pane in enumerate((clip, heat, cv2.addWeighted(clip, 0.5, heat, 0.5, 0))):
            start = left + place * (width + GAP)
            picture[len(self.banner) :, start : start + width] = pane
        return picture


def pane_size(height: int, width: int, least_height: int) -> tuple[int, int]:
    """(height, width) in pixels of a pane: enlarged to the least height, but no side above `LARGEST_SIDE`."""
    scale = min(max(least_height / height, 1), LARGEST_SIDE / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _resized(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    larger = size[0] >= frame.shape[0]
    return cv2.resize(frame, size[::-1], interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)


def _banner(title: str, width: int) -> np.ndarray:
    """The title's lines, each cut in its middle where it is too long: (H, width, 3) uint8."""
    lines = title.split("\n")
    banner = np.full((2 * MARGIN + LINE * len(lines), width, 3), BACKGROUND, np.uint8)
    for number, line in enumerate(lines):
        place = (MARGIN, MARGIN + LINE * number + TEXT_SIZE)
        write(banner, fitting(line, width - 2 * MARGIN, TEXT_SIZE), place, INK, TEXT_SIZE)
    return banner
