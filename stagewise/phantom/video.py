"""H.264 video of grey frames with an orange outline, written plane by plane without a detour through RGB."""

from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np

from stagewise.phantom.appearance import PLAIN, Appearance

GREY = 128
# one thread, as the bytes must not depend on the machine. Chroma is quantised far finer than luma (qp offset -12,
# matrix of 2 where flat is 16): an error of two levels in both chroma planes would turn a bright grey pixel
# beside the outline into one that the recipe takes for the outline
FINE_CHROMA = "chroma-qp-offset=-12:cqm4ic=" + ",".join(["2"] * 16)
ENCODER = {"preset": "ultrafast", "threads": "1", "x264-params": f"{FINE_CHROMA}:keyint=1"}


def write_video(path: Path, lumas: Iterable[np.ndarray], alpha: np.ndarray, look: Appearance = PLAIN) -> None:
    """Encode luma frames with an outline on top.

    lumas: (height, width) uint8 each, video range; alpha: (height, width) uint8, the outline's cover.
    """
    height, width = alpha.shape
    covered = np.flatnonzero(alpha)
    cover = alpha.reshape(-1)[covered].astype(np.float32) / 255
    orange_luma, orange_blue, orange_red = look.outline_colour
    ink = cover * orange_luma
    halved = cv2.resize(alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    blue = np.round(GREY + halved * (orange_blue - GREY)).astype(np.uint8)
    red = np.round(GREY + halved * (orange_red - GREY)).astype(np.uint8)
    options = {**ENCODER, "qp": str(look.quantiser)}
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=look.frames_a_second, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, luma in enumerate(lumas):
            flat = luma.reshape(-1)
            flat[covered] = np.round(flat[covered] * (1 - cover) + ink)
            frame = av.VideoFrame(width, height, "yuv420p")
            frame.pts = number
            for plane, values in zip(frame.planes, (luma, blue, red), strict=True):
                _fill(plane, values)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _fill(plane: av.video.plane.VideoPlane, values: np.ndarray) -> None:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    rows[: values.shape[0], : values.shape[1]] = values
