"""Decoding of videos, strict: a video is read whole or not at all.

FFmpeg gets the content of one open file and is told what it is: it guesses no format, so a playlist under a video's
name stays text, and it can open no other file and no network address.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from stagewise import paths
from stagewise.commands import EXTRACT
from stagewise.errors import InputError
from stagewise.mp4 import frames_promised
from stagewise.mp4_boxes import Mp4Error

MEND = f"replace the file by a whole one, or leave it out with: {EXTRACT} --keep-going"
MOST_PIXELS = 1 << 24  # of a frame, 48 MiB in BGR; the competition's have 512x384
# explode: an error is an error. aggressive: a CAVLC slice must end where its bits end, which finds more flipped bits;
# it refused none of 58 files of other encoder settings (docs/LOG.md)
DECODER = {"err_detect": "crccheck+bitstream+buffer+explode+aggressive", "max_pixels": str(MOST_PIXELS)}


class VideoError(InputError):
    """A video that must not be used; `reason` says why, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"video {paths.shown(path)}: {reason}; {MEND}")
        self.reason = reason


def read_frames(path: Path) -> Iterator[np.ndarray]:
    """Decode the first video track, one frame in memory at a time.

    Yields: (H, W, 3) uint8 BGR, the same H and W in every frame, pixels. Raises as `decode` does.
    """
    for frame in decode(path):
        yield frame.to_ndarray(format="bgr24", threads=1)


def decode(path: Path) -> Iterator[av.VideoFrame]:
    """Decode the first video track of an H.264 mp4 into frames as they are coded, all of one size.

    Raises VideoError, possibly after some frames, for a file of another kind and for a video that is cut off, damaged,
    changes its frame size, or has fewer or more frames than its index promises; OSError where it cannot be read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a folder or a pipe
        raise VideoError(path, "is not a file")
    size, count = None, 0
    with path.open("rb") as file:
        try:
            promised = frames_promised(file)
            for frame in _decoded(file):
                if frame.is_corrupt:  # the decoder has painted over what it could not read
                    raise Mp4Error("a frame is damaged")
                if size not in (None, (frame.width, frame.height)):
                    raise Mp4Error(f"frame size changes from {size[0]}x{size[1]} to {frame.width}x{frame.height}")
                size, count = (frame.width, frame.height), count + 1
                yield frame
        except Mp4Error as error:
            raise VideoError(path, str(error)) from error
        except av.error.FFmpegError as error:
            raise VideoError(path, f"cannot be decoded ({error.strerror or error})") from error
    if count != promised:
        raise VideoError(path, f"shows {count or 'no'} frames, and its index promises {promised}")


def _decoded(file: BinaryIO) -> Iterator[av.VideoFrame]:
    file.seek(0)
    options = DECODER | {"codec_whitelist": "h264"}  # for the look at the first frames that opening takes
    with av.open(file, format="mp4", options=options, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # one thread: there is a worker process for every core
        stream.codec_context.options = DECODER
        yield from container.decode(stream)
