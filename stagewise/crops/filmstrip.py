"""Windows of decoded frames, turned to BGR without converting the rest of the frames.

Most frames are luma and, at half the resolution, two planes of chroma. swscale makes a BGR pixel of such a frame out
of its own luma and the chroma of its 2x2 block alone, wherever it lies; so a window of a frame, cut at even places,
gives the pixels that the whole frame would give.
"""

import av
import numpy as np

from stagewise.video.orientation import UPRIGHT, turn_of

FRAMES_A_PICTURE = 16  # 16 windows of 100x100 and their BGR pixels fit a core's cache
# matrix coefficients by ITU-T H.273, table 4: BT.601's two numbers, and "unspecified", which swscale takes for BT.601
BT601 = (5, 6, 2)

Box = tuple[int, int, int, int]  # (y0, x0, y1, x1) in pixels, half open


def can_be_cut(frame: av.VideoFrame) -> bool:
    """Whether windows of the frame give the pixels that the whole frame gives, upright, and its chroma is BT.601's."""
    even = frame.width % 2 == frame.height % 2 == 0
    plain = frame.format.name == "yuv420p" and frame.colorspace in BT601
    return even and plain and turn_of(frame) == UPRIGHT


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Views of a yuv420p frame: luma (H, W), blue and red chroma (H / 2, W / 2), uint8."""
    return [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]


class FilmStrip:
    """The same window of many frames, kept one above the other in tall pictures that are converted at one go."""

    def __init__(self, like: av.VideoFrame, window: Box) -> None:
        """like: a frame that `can_be_cut`, as all that follow; window: within it, all four even."""
        self.like, self.window = like, window
        self.length = 0
        self.pictures: list[av.VideoFrame] = []

    @property
    def nbytes(self) -> int:
        """Bytes of the frames' windows, as kept."""
        y0, x0, y1, x1 = self.window
        return self.length * (y1 - y0) * (x1 - x0) * 3 // 2

    def add(self, luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> None:
        """Keep the window of the next frame, which is given by its planes."""
        y0, x0, y1, x1 = self.window
        index = self.length % FRAMES_A_PICTURE
        if index == 0:
            self._begin_picture()
        top, bottom = index * (y1 - y0), (index + 1) * (y1 - y0)
        tall_luma, tall_blue, tall_red = self.targets
        tall_luma[top:bottom] = luma[y0:y1, x0:x1]
        tall_blue[top // 2 : bottom // 2] = blue[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        tall_red[top // 2 : bottom // 2] = red[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        self.length += 1

    def _begin_picture(self) -> None:
        y0, x0, y1, x1 = self.window
        picture = av.VideoFrame(x1 - x0, FRAMES_A_PICTURE * (y1 - y0), self.like.format.name)
        picture.colorspace, picture.color_range = self.like.colorspace, self.like.color_range
        self.pictures.append(picture)
        self.targets = planes(picture)

    def bgr(self) -> list[np.ndarray]:
        """Every window in order: (h, w, 3) uint8 BGR each, as swscale converts the whole frame."""
        y0, x0, y1, x1 = self.window
        pictures = [picture.to_ndarray(format="bgr24", threads=1) for picture in self.pictures]
        windows = [window for picture in pictures for window in picture.reshape(-1, y1 - y0, x1 - x0, 3)]
        return windows[: self.length]
