"""Short videos for people to look at: H.264 in mp4, which every browser plays, and GIF, which needs no player."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from stagewise.files import paths

# The bytes must not depend on the machine, nor on the run: one thread, and no macroblock tree, with which one video of
# noise in six came out with other bytes in some of five runs
ENCODER = {"preset": "veryfast", "threads": "1", "x264-params": "mbtree=0:cpu-independent=1"}
QUALITY = 20  # x264's crf, lower is better: noise stays, at a tenth of a GIF's size
BT601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6}  # ITU-T H.273; said in the file, or players guess
MPEG_RANGE = 1  # luma 16-235
COLOURS = 64  # of a GIF; 256 double the size of noisy clips
PALETTE_FRAMES = 8  # that the palette is made from
SHORTEST_DELAY = 2  # hundredths of a second; browsers play a shorter one ten times slower


def write_mp4(path: Path, frames: Iterable[np.ndarray], rate: float, quality: int = QUALITY) -> None:
    """Write an H.264 mp4 (yuv420p, its index before the pictures): the same bytes for the same frames.

    frames: (H, W, 3) uint8 BGR each, all of one size, at least one; an odd side repeats its last row or column, as
    yuv420p needs even ones. rate: frames a second. quality: as `QUALITY`.
    """
    with paths.replacing(path) as temporary:
        options = {"movflags": "faststart", "fflags": "+bitexact"}
        with av.open(str(temporary), "w", format="mp4", options=options) as container:
            stream = None
            for number, pixels in enumerate(frames):
                even = np.pad(pixels, ((0, len(pixels) % 2), (0, pixels.shape[1] % 2), (0, 0)), "edge")
                stream = stream or _stream(container, even, rate, quality)
                frame = av.VideoFrame.from_ndarray(even, format="bgr24")
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _stream(container: av.container.OutputContainer, first: np.ndarray, rate: float, quality: int) -> av.VideoStream:
    options = ENCODER | {"crf": str(quality)}
    stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001), options=options)
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "yuv420p"
    for name, value in (BT601 | {"color_range": MPEG_RANGE}).items():
        setattr(stream.codec_context, name, value)
    return stream


def write_gif(path: Path, frames: Sequence[np.ndarray], rate: float) -> None:
    """Write a GIF that plays for ever, in one palette of `COLOURS`: the same bytes for the same frames.

    frames: (T, H, W, 3) uint8 BGR, or anything that gives T such frames by number. rate: frames a second; a GIF counts
    in hundredths of a second, so that 50 a second is the fastest, and 30 becomes 33.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, PALETTE_FRAMES).astype(int))
    sample = np.concatenate([frames[number][::3, ::3] for number in chosen])  # a ninth of the pixels, of the time too
    palette = _image(sample).quantize(COLOURS, kmeans=1)  # 0.4 of the squared error of median cut alone
    pictures = (
        _image(frames[number]).quantize(palette=palette, dither=Image.Dither.NONE) for number in range(len(frames))
    )
    delay = 10 * max(round(100 / rate), SHORTEST_DELAY)  # milliseconds
    with paths.replacing(path) as temporary:
        first = next(pictures)
        first.save(temporary, "GIF", save_all=True, append_images=pictures, duration=delay, loop=0)


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))  # BGR to RGB
