"""Decoding of videos, strict: a video is read whole or not at all.

FFmpeg gets the content of one open file, or of a video in memory, and is told what it is: it guesses no format, so a
playlist under a video's name stays text, and it can open no other file and no network address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from stagewise.messages.commands import CONVERT, EXTRACT
from stagewise.messages.errors import InputError
from stagewise.video.codecs import CODECS, whitelist
from stagewise.video.container_error import ContainerError
from stagewise.video.containers import container_of
from stagewise.video.held import Held, Video, shown
from stagewise.video.orientation import Turn, turn_of, turned

MEND = f"replace the file by a whole one, or leave it out with: {EXTRACT} --keep-going"
MOST_PIXELS = 1 << 24  # of a frame, 48 MiB in BGR; the competition's have 512x384
# explode: an error is an error. aggressive: a CAVLC slice must end where its bits end, which finds more flipped bits;
# it refused none of 58 files of other encoder settings (docs/LOG.md)
DECODER = {"err_detect": "crccheck+bitstream+buffer+explode+aggressive", "max_pixels": str(MOST_PIXELS)}
ONLY_LOGGING = ("ffv1",)  # puts an older frame's pixels where a checksum is wrong, and marks nothing


class VideoError(InputError):
    """A video that must not be used; `reason` says why, without the file's name."""

    def __init__(self, video: Video, reason: str) -> None:
        super().__init__(f"video {shown(video)}: {reason}; {MEND}")
        self.reason = reason


def read_frames(video: Video, codecs: tuple[str, ...] = CODECS) -> Iterator[np.ndarray]:
    """Decode the first video track, one frame in memory at a time, turned as players show it.

    Yields: (H, W, 3) uint8 BGR, the same H and W in every frame, pixels. Raises as `decode` does.
    """
    for frame in decode(video, codecs):
        # bicubic as in ffmpeg and OpenCV: chroma that has no conversion of its own, as of 10 bits, comes out as theirs
        pixels = frame.to_ndarray(format="bgr24", threads=1, interpolation="BICUBIC")
        yield np.ascontiguousarray(turned(pixels, turn_of(frame)))


def decode(video: Video, codecs: tuple[str, ...] = CODECS) -> Iterator[av.VideoFrame]:
    """Decode the first video track into frames as they are coded, all of one size, each once.

    codecs: those that may be decoded. Raises VideoError, possibly after some frames, for a file of another kind and for
    a video that is cut off, damaged, changes its frame size, or has fewer or more frames than its container promises;
    OSError where it cannot be read.
    """
    video = video if isinstance(video, Held) else Path(video)
    if isinstance(video, Path) and video.exists() and not video.is_file():  # a folder or a pipe
        raise VideoError(video, "is not a file")
    first, count = None, 0
    with video.open("rb") as file:
        try:
            container = container_of(file)
            promised = container.frames_promised(file)
            for frame in _decoded(file, container.name, codecs):
                if frame.is_corrupt:  # the decoder has painted over what it could not read
                    raise ContainerError("a frame is damaged")
                found = (frame.width, frame.height, turn_of(frame))
                first, count = first or found, count + 1
                if found != first:
                    raise ContainerError(_change(first, found))
                yield frame
        except ContainerError as error:
            raise VideoError(video, str(error)) from error
        except av.error.FFmpegError as error:
            raise VideoError(
                video, f"cannot be decoded ({error.strerror or error}); if a player shows it, convert it: {CONVERT}"
            ) from error
    if count != promised:
        raise VideoError(video, f"shows {count or 'no'} frames, and its index promises {promised}")


def _change(first: tuple[int, int, Turn], later: tuple[int, int, Turn]) -> str:
    if first[:2] == later[:2]:
        return "is turned at first by another angle than later"
    return "frame size changes from {}x{} to {}x{}".format(*first[:2], *later[:2])


def _decoded(file: BinaryIO, container: str, codecs: tuple[str, ...]) -> Iterator[av.VideoFrame]:
    file.seek(0)
    options = DECODER | {
        "codec_whitelist": whitelist(codecs),  # also for the look at the first frames that opening takes
        "format_whitelist": container,  # also for files within the file, such as an AVI's subtitles
        "fflags": "+ignidx",  # an AVI's frames in the order in which they lie
    }
    with av.open(file, format=container, options=options, metadata_errors="replace") as opened:
        if not opened.streams.video:
            raise ContainerError("has no video stream")
        stream = opened.streams.video[0]
        codec = _codec_of(stream, codecs)
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1  # there is a worker process for every core
        stream.codec_context.options = DECODER
        with _reported_by(codec) as reports:
            for frame in _frames(opened, stream):
                if reports:
                    raise ContainerError(f"a frame is damaged ({reports[0][2].strip()})")
                yield frame


def _frames(opened: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in opened.demux(stream):
        if packet.size:  # an AVI repeats a frame by an empty one, which a decoder takes for the end
            yield from packet.decode()
    yield from stream.decode(None)


def _codec_of(stream: av.VideoStream, codecs: tuple[str, ...]) -> str:
    """The stream's codec. Raises ContainerError where it is none of `codecs`."""
    codec = stream.codec_context and stream.codec_context.codec
    name = codec.canonical_name if codec else "unknown"
    if name not in codecs:
        allow = f"allow it: {EXTRACT} --codecs {','.join((*codecs, name))}; or " if codec else ""
        raise ContainerError(f"holds {name} video, which is none of the codecs read; {allow}convert it: {CONVERT}")
    return name


@contextmanager
def _reported_by(codec: str) -> Iterator[list[tuple[int, str, str]]]:
    """What the decoder logs as an error, where that is all that it does about one: level, decoder, message."""
    level = av.logging.get_level()
    if codec not in ONLY_LOGGING:
        yield []
        return
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as reports:
            yield reports
    finally:
        av.logging.set_level(level)
