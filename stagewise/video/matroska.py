"""The structure of a Matroska or WebM file (RFC 9559; EBML, RFC 8794), checked before a decoder sees it.

FFmpeg shows one that was cut off as a shorter video without an error.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from stagewise.video.container_error import MOST_FRAMES, NO_END, ContainerError

HEAD, SEGMENT, TRACKS, CLUSTER, VOID = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675, 0xEC
TRACK, TRACK_NUMBER, TRACK_TYPE = 0xAE, 0xD7, 0x83
GROUP, BLOCK, SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
# what may begin with a checksum: the two above, and what the segment says of itself, of times, of places and in tags
CHECKED = (TRACKS, CLUSTER, 0x1549A966, 0x114D9B74, 0x1C53BB6B, 0x1254C367)
BEGINNING = HEAD.to_bytes(4, "big")
CHECKSUM = b"\xbf\x84"  # a CRC-32 element's type and size, where it is the first of its parent
VIDEO = 1
LACED = 0x06  # bits of a block's flags: it holds several frames
READ_BYTES = 1 << 20  # at one time


class Element(NamedTuple):
    """Where an element's content lies, in bytes of the file, half open.

    One whose size its writer did not know yet, as in a live recording, `is_open` and counts as empty here: what it
    holds follows it.
    """

    kind: int
    start: int
    end: int
    is_open: bool


def frames_promised(file: BinaryIO) -> int:
    """How many frames the first video track has, by the blocks that are there: Matroska has no count to compare.

    Raises ContainerError unless every element ends within the one that holds it, the segment with the file, and each
    agrees with its CRC-32 where it has one.
    """
    track, count = None, 0
    for element in _within_clusters(file, _segment(file, file.seek(0, 2))):
        if element.kind == TRACKS:
            track = _video_track(file, element)
        elif element.kind in (BLOCK, SIMPLE_BLOCK):
            count += _frames(file, element, track)
    if track is None:
        raise ContainerError("has no video stream")
    if not 0 < count <= MOST_FRAMES:
        raise ContainerError(f"has {count or 'no'} frames")
    return count


def _segment(file: BinaryIO, length: int) -> Iterator[Element]:
    """What the file's one segment holds."""
    top = _elements(file, 0, length)
    head, segment = next(top), next((element for element in top if element.kind != VOID), None)
    if head.kind != HEAD or segment is None or segment.kind != SEGMENT:
        raise ContainerError("is damaged or cut off: its header and its segment are not there")
    if segment.is_open:
        raise ContainerError(f"may be cut off: {NO_END}")
    yield from _elements(file, segment.start, segment.end)
    if any(element.kind != VOID for element in top):
        raise ContainerError("is damaged: it goes on behind the end of its segment")


def _within_clusters(file: BinaryIO, elements: Iterator[Element]) -> Iterator[Element]:
    """The elements in their order, and in the place of each that holds frames what it holds."""
    for element in elements:
        inner = _elements(file, element.start, element.end) if element.kind == CLUSTER else (element,)
        for part in inner:
            yield from _elements(file, part.start, part.end) if part.kind == GROUP else (part,)


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[Element]:
    """An element is its type and its size, 1-4 and 1-8 bytes long, and that many bytes."""
    while start < end:
        file.seek(start)
        header = file.read(12).ljust(12, b"\0")
        kind_bytes = 9 - header[0].bit_length()
        size_bytes = 9 - header[min(kind_bytes, 4)].bit_length()
        if kind_bytes > 4 or size_bytes > 8:
            raise ContainerError(f"is damaged or cut off: no element begins at byte {start}")
        most = (1 << 7 * size_bytes) - 1  # stands for an unknown size
        size = int.from_bytes(header[kind_bytes : kind_bytes + size_bytes], "big") & most
        content = start + kind_bytes + size_bytes
        element = Element(
            int.from_bytes(header[:kind_bytes], "big"), content, content + size * (size != most), size == most
        )
        if element.end > end:
            raise ContainerError(f"is cut off: {element.end - end} bytes are missing at its end")
        if element.kind in CHECKED:
            _require_checksum(file, element)
        yield element
        start = element.end


def _require_checksum(file: BinaryIO, element: Element) -> None:
    file.seek(element.start)
    beginning, found, left = file.read(6), 0, element.end - element.start - 6
    if left < 0 or beginning[:2] != CHECKSUM:
        return
    while left > 0 and (content := file.read(min(left, READ_BYTES))):
        found, left = zlib.crc32(content, found), left - len(content)
    if found != int.from_bytes(beginning[2:], "little"):
        raise ContainerError(f"is damaged: the checksum of its part at byte {element.start} is wrong")


def _video_track(file: BinaryIO, tracks: Element) -> int | None:
    """The number of the first video track."""
    for track in _elements(file, tracks.start, tracks.end):
        if track.kind == TRACK:
            found = {element.kind: element for element in _elements(file, track.start, track.end)}
            if TRACK_NUMBER in found and TRACK_TYPE in found and _number(file, found[TRACK_TYPE]) == VIDEO:
                return _number(file, found[TRACK_NUMBER])
    return None


def _number(file: BinaryIO, element: Element) -> int:
    file.seek(element.start)
    return int.from_bytes(file.read(min(element.end - element.start, 8)), "big")


def _frames(file: BinaryIO, block: Element, track: int | None) -> int:
    """Frames of the track in a block, which begins with its track, 1-8 bytes, a time of 2, and its flags."""
    file.seek(block.start)
    header = file.read(min(block.end - block.start, 12)).ljust(12, b"\0")
    width = 9 - header[0].bit_length()
    if width > 8 or int.from_bytes(header[:width], "big") & ((1 << 7 * width) - 1) != track:
        return 0
    return header[width + 3] + 1 if header[width + 2] & LACED else 1
