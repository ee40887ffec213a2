"""The structure of an mp4 file, checked before a decoder sees it.

A decoder takes what the tables of an mp4 promise for granted: it shows a file with a lowered frame count, or one cut
behind a box, as a shorter video without an error. Box numbers are those of ISO/IEC 14496-12.
"""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

MOST_BOXES = 1000  # in one place; a competition file has about 10
MOST_FRAMES = 1 << 20  # 2,400 times the competition's longest video
LARGEST_TABLE = 16 * MOST_FRAMES  # bytes; no table has more than 16 for a frame
FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")
PLAIN_H264 = (b"avc1", b"avc3")


class Mp4Error(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class _Box:
    """A box's type and where its content lies, in bytes of the file, half open."""

    kind: bytes
    start: int
    end: int


def frames_promised(file: BinaryIO) -> int:
    """How many frames the first video track shows.

    file: open for reading, of any position; left at any other. Raises Mp4Error unless the file is an mp4 with one
    whole index (`moov`), an H.264 track in this very file, tables that agree, and every frame's bytes within the file.
    """
    length = file.seek(0, 2)
    if not length:
        raise Mp4Error("is an empty file")
    _require_mp4(file)
    top = _boxes(file, 0, length)
    if any(box.kind == b"moof" for box in top):
        raise Mp4Error("is a fragmented mp4, whose loss of a fragment cannot be seen; ffmpeg -c copy makes it a plain one")
    movie = _boxes(file, *_span(top, b"moov"))
    track = next(filter(None, (_video_track(file, box) for box in movie if box.kind == b"trak")), None)
    if track is None:
        raise Mp4Error("has no video stream")
    media, samples = track
    times = _sample_times(file, samples)
    _require_content(file, samples, len(times), [box for box in top if box.kind == b"mdat"])
    return _shown(file, movie, media, times)


def _require_mp4(file: BinaryIO) -> None:
    file.seek(0)
    beginning = file.read(8)
    if beginning[4:] not in FIRST_BOXES:
        raise Mp4Error(f"is no mp4 file; it begins with {beginning!r}")


def _boxes(file: BinaryIO, start: int, end: int) -> list[_Box]:
    """The boxes that fill a span of the file: 4 bytes of size, 4 of type (4.2); size 1 stands for 8 more bytes of
    size, and 0 for "to the end"."""
    boxes = []
    while start < end:
        file.seek(start)
        header = file.read(16)
        size, content = int.from_bytes(header[:4], "big"), start + 8
        if size == 1:
            size, content = int.from_bytes(header[8:16], "big"), start + 16
        stop = start + size if size else end
        if stop > end or content > end:
            raise Mp4Error(f"is cut off: {max(stop, content) - end} bytes are missing at the end of {_name(header[4:8])}")
        if stop < content or len(boxes) == MOST_BOXES:
            raise Mp4Error(f"is damaged: its boxes make no sense at byte {start}")
        boxes.append(_Box(header[4:8], content, stop))
        start = stop
    return boxes


def _span(boxes: list[_Box], kind: bytes) -> tuple[int, int]:
    """Where the content of the only box of this kind lies."""
    found = [(box.start, box.end) for box in boxes if box.kind == kind]
    if len(found) != 1:
        raise Mp4Error(f"is damaged or cut off: it has {len(found) or 'no'} {_name(kind)} boxes where one belongs")
    return found[0]


def _name(kind: bytes) -> str:
    return kind.decode("latin1") if kind.isalnum() else repr(kind)


def _video_track(file: BinaryIO, trak: _Box) -> tuple[list[_Box], list[_Box]] | None:
    """The boxes of a track (tkhd, edts, and those of its mdia) and of its sample table; None if it is no video."""
    boxes = _boxes(file, trak.start, trak.end)
    media = _boxes(file, *_span(boxes, b"mdia"))
    if _content(file, media, b"hdlr")[8:12] != b"vide":
        return None
    information = _boxes(file, *_span(media, b"minf"))
    samples = _boxes(file, *_span(information, b"stbl"))
    codecs = _entries(file, *_span(samples, b"stsd"))
    for codec in codecs:
        if codec.kind not in PLAIN_H264:
            raise Mp4Error(f"holds {_name(codec.kind)} video; only H.264 (avc1) is read, and ffmpeg -c:v libx264 makes it")
    sources = _entries(file, *_span(_boxes(file, *_span(information, b"dinf")), b"dref"))
    for source in sources:
        file.seek(source.start)
        if not file.read(4)[3:] == b"\1":  # the flag "in this file" (8.7.2)
            raise Mp4Error("takes its frames from another file")
    return boxes + media, samples


def _entries(file: BinaryIO, start: int, end: int) -> list[_Box]:
    """The boxes behind the version and the count of a stsd or dref."""
    found = _boxes(file, start + 8, end)
    if not found:
        raise Mp4Error("is damaged: its index describes no frames")
    return found


def _content(file: BinaryIO, boxes: list[_Box], kind: bytes) -> bytes:
    start, end = _span(boxes, kind)
    if end - start > LARGEST_TABLE:
        raise Mp4Error(f"has a table {_name(kind)} of {end - start} bytes, more than any video needs")
    file.seek(start)
    return file.read(end - start)


def _table(file: BinaryIO, boxes: list[_Box], kind: bytes, columns: str, skip: int = 4) -> np.ndarray:
    """A table behind `skip` bytes and its number of rows, which must fill its box; int64, a row an entry."""
    content = _content(file, boxes, kind)
    rows = int.from_bytes(content[skip : skip + 4], "big")
    dtype = np.dtype([(str(number), f">{column}") for number, column in enumerate(columns.split())])
    if len(content) != skip + 4 + rows * dtype.itemsize:
        raise Mp4Error(f"is damaged: its table {_name(kind)} does not hold the {rows} rows that it counts")
    table = np.frombuffer(content, dtype, rows, skip + 4)
    return np.stack([table[name].astype(np.int64) for name in dtype.names], axis=-1)


def _sizes(file: BinaryIO, samples: list[_Box]) -> np.ndarray:
    """Bytes of each frame (8.7.3)."""
    content = _content(file, samples, b"stsz")
    common, count = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    if not 0 < count <= MOST_FRAMES:
        raise Mp4Error(f"has {'no' if count == 0 else count} frames")
    return np.full(count, common) if common else _table(file, samples, b"stsz", "u4", skip=8)[:, 0]


def _sample_times(file: BinaryIO, samples: list[_Box]) -> np.ndarray:
    """When each frame is shown, in the track's own clock, int64 (8.6.1)."""
    count = len(_sizes(file, samples))
    steps = _repeated(_table(file, samples, b"stts", "u4 u4"), count, "stts")
    times = np.cumsum(steps) - steps
    if any(box.kind == b"ctts" for box in samples):
        times += _repeated(_table(file, samples, b"ctts", "u4 i4"), count, "ctts")
    return times


def _repeated(runs: np.ndarray, count: int, table: str) -> np.ndarray:
    if runs[:, 0].sum() != count:
        raise Mp4Error(f"is damaged: its table {table} counts {runs[:, 0].sum()} frames, and stsz {count}")
    return np.repeat(runs[:, 1], runs[:, 0])


def _require_content(file: BinaryIO, samples: list[_Box], count: int, stores: list[_Box]) -> None:
    """Every chunk of frames lies in an mdat, and none in another (8.7.4, 8.7.5)."""
    wide = any(box.kind == b"co64" for box in samples)
    starts = _table(file, samples, b"co64" if wide else b"stco", "i8" if wide else "u4")[:, 0]
    runs = _table(file, samples, b"stsc", "u4 u4 u4")
    firsts = np.append(runs[:, 0] - 1, len(starts))
    lengths = np.diff(firsts)
    if not len(runs) or firsts[0] or (lengths < 1).any() or runs[:, 1].min() < 1 or (lengths * runs[:, 1]).sum() != count:
        raise Mp4Error(f"is damaged: its table stsc does not place its {count} frames")
    first_frames = np.cumsum(np.repeat(runs[:, 1], lengths)) - np.repeat(runs[:, 1], lengths)
    ends = starts + np.add.reduceat(_sizes(file, samples), first_frames)
    inside = np.zeros(len(starts), bool)
    for store in stores:
        inside |= (starts >= store.start) & (starts < store.end) & (ends <= store.end)
    order = np.argsort(starts)
    if not inside.all() or (ends[order][:-1] > starts[order][1:]).any():
        raise Mp4Error("is damaged or cut off: its index names frames that are not there")


def _shown(file: BinaryIO, movie: list[_Box], media: list[_Box], times: np.ndarray) -> int:
    """Frames left by the edit list (8.6.6), which may hide some at both ends; all of them without one."""
    edits = [box for box in media if box.kind == b"edts"]
    if not edits:
        return len(times)
    boxes = _boxes(file, edits[0].start, edits[0].end)
    wide = _content(file, boxes, b"elst")[:1] == b"\1"
    table = _table(file, boxes, b"elst", "u8 i8 u4" if wide else "u4 i4 u4")
    played = table[table[:, 1] >= 0]  # -1 is a pause before the first frame
    clock, media_clock = _clock(file, movie, b"mvhd"), _clock(file, media, b"mdhd")
    shown = 0
    for duration, start, _ in played.tolist():
        stop = start + round(duration * media_clock / clock) if duration else np.inf
        shown += int(((times >= start) & (times < stop)).sum())
    return shown


def _clock(file: BinaryIO, boxes: list[_Box], kind: bytes) -> int:
    """Ticks a second of the movie (mvhd) or of a track (mdhd)."""
    content = _content(file, boxes, kind)
    ticks = int.from_bytes(content[20:24] if content[:1] == b"\1" else content[12:16], "big")
    if not ticks:
        raise Mp4Error(f"is damaged: its {_name(kind)} has no clock")
    return ticks
