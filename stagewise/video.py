"""Decoding of videos, strict: a video is read whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from stagewise import paths
from stagewise.errors import InputError

MEND = "replace the file by a whole one, or leave it out with: python preproc_data/r01_extract_roi.py --keep-going"


class VideoError(InputError):
    """A video that must not be used; `reason` says why, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"video {paths.shown(path)}: {reason}; {MEND}")
        self.reason = reason


def read_frames(path: Path) -> Iterator[np.ndarray]:
    """Decode the first video stream, one frame in memory at a time.

    Yields: (H, W, 3) uint8 BGR, the same H and W in every frame, pixels. Raises as `decode` does.
    """
    for frame in decode(path):
        yield frame.to_ndarray(format="bgr24", threads=1)


def decode(path: Path) -> Iterator[av.VideoFrame]:
    """Decode the first video stream into frames as they are coded, all of one size.

    Raises VideoError, possibly after some frames, for a video that is cut off, damaged, changes its frame size, or has
    no frame; OSError where it cannot be opened.
    """
    path = Path(path)
    _require_whole_boxes(path)
    size = None
    try:
        for frame in _decoded(path):
            if frame.is_corrupt:  # the decoder has painted over what it could not read
                raise VideoError(path, "a frame is damaged")
            if size not in (None, (frame.width, frame.height)):
                raise VideoError(path, f"frame size changes from {_size(size)} to {frame.width}x{frame.height}")
            size = frame.width, frame.height
            yield frame
    except av.error.FFmpegError as error:
        raise VideoError(path, f"cannot be decoded ({error.strerror or error})") from error
    if size is None:
        raise VideoError(path, "has no frames")


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with path.open("rb") as file, av.open(file) as container:  # a file's own errors come through as they are
        if not container.streams.video:
            raise VideoError(path, "has no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # one thread: there is a worker process for every core
        yield from container.decode(stream)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _require_whole_boxes(path: Path) -> None:
    """An mp4 cut between two frames decodes as a shorter video without an error; its last box shows the cut.

    A box is 4 bytes of size, 4 of type (ISO/IEC 14496-12, 4.2); size 1 stands for 8 more bytes of size, and 0 for
    "to the end of the file". Files of another kind are left to the decoder.
    """
    length = path.stat().st_size
    if length == 0:
        raise VideoError(path, "is an empty file")
    with path.open("rb") as file:
        position = 0
        while position < length:
            file.seek(position)
            header = file.read(16)
            if position == 0 and header[4:8] not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                return
            size = int.from_bytes(header[:4], "big")
            if size == 0:
                return
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            position += max(size, 8)
        if position > length:
            raise VideoError(path, f"is cut off: {position - length} bytes are missing at its end")
