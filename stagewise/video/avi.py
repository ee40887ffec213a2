"""The structure of an AVI file (RIFF, and OpenDML's further parts), checked before a decoder sees it.

FFmpeg shows an AVI that was cut off as a shorter video without an error. Its lists of frames (`idx1`, `indx`) are not
used: the frames are read as they lie.
"""

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from stagewise.video.container_error import MOST_FRAMES, ContainerError, text

MOST_CHUNKS = 4 * MOST_FRAMES  # a frame, its sound, and some more
MOST_STREAMS = 100
DEEPEST = 8  # levels of lists; three are usual
FRAME_KINDS = (b"dc", b"db")  # behind two digits, the number of the stream; compressed and uncompressed frames


class Chunk(NamedTuple):
    """Where a chunk's content lies, in bytes of the file, half open; a list's behind its type, which is its kind."""

    kind: bytes
    start: int
    end: int
    is_list: bool


def frames_promised(file: BinaryIO) -> int:
    """How many frames the first video stream has, those that repeat the one before them by being empty left out.

    Raises ContainerError unless every chunk ends within the file and the stream's header counts as many as there are.
    """
    streams, found, shown = [], Counter(), Counter()
    for number, chunk in enumerate(_all(file, file.seek(0, 2))):
        if number > MOST_CHUNKS:
            raise ContainerError(f"has more than {MOST_CHUNKS} chunks")
        if chunk.kind == b"strh":
            streams.append(chunk)
        elif chunk.kind[:2].isdigit() and chunk.kind[2:] in FRAME_KINDS:
            found[int(chunk.kind[:2])] += 1
            shown[int(chunk.kind[:2])] += chunk.end > chunk.start
    if found.total() > MOST_FRAMES or len(streams) > MOST_STREAMS:
        raise ContainerError(f"has {found.total()} frames and {len(streams)} streams")
    stream, counted = _video_stream(file, streams)
    if found[stream] != counted:
        raise ContainerError(f"is damaged or cut off: its header counts {counted} frames, and it has {found[stream]}")
    if not shown[stream]:
        raise ContainerError("has no frames")
    return shown[stream]


def _all(file: BinaryIO, length: int) -> Iterator[Chunk]:
    """Every chunk of the file, those in lists behind their list."""
    for part in _chunks(file, 0, length):
        if part.kind not in (b"AVI ", b"AVIX"):
            raise ContainerError(f"is damaged: behind its end there is {text(part.kind)}")
        yield from _all_within(file, part, DEEPEST)


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[Chunk]:
    """A chunk is 4 bytes of type, 4 of size, little endian, and content that is filled up to an even size."""
    while start < end:
        file.seek(start)
        header = file.read(12)
        size, kind = int.from_bytes(header[4:8], "little"), header[:4]
        is_list = kind in (b"RIFF", b"LIST")
        stop = start + 8 + size
        if stop > end or len(header) < 8 + 4 * is_list:
            missing = max(stop - end, 1)
            raise ContainerError(f"is cut off: {missing} bytes are missing at its end, in chunk {text(kind)}")
        if is_list and size < 4:  # the RIFF of a recording that never ended has size 0
            raise ContainerError("is cut off: it was never finished")
        yield Chunk(header[8:12] if is_list else kind, start + 8 + 4 * is_list, stop, is_list)
        start = stop + size % 2


def _all_within(file: BinaryIO, chunk: Chunk, levels: int) -> Iterator[Chunk]:
    if not levels:
        raise ContainerError(f"is damaged: it has lists in more than {DEEPEST} lists")
    for inner in _chunks(file, chunk.start, chunk.end):
        yield inner
        if inner.is_list:
            yield from _all_within(file, inner, levels - 1)


def _video_stream(file: BinaryIO, headers: list[Chunk]) -> tuple[int, int]:
    """The number of the first video stream, and how many frames its header counts."""
    for number, header in enumerate(headers):
        file.seek(header.start)
        content = file.read(min(header.end - header.start, 56))
        if content[:4] == b"vids":
            return number, int.from_bytes(content[32:36], "little")
    raise ContainerError("has no video stream")
