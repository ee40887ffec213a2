"""The structure of an mp4 or QuickTime file, checked before a decoder sees it.

A decoder takes what the index of an mp4 promises for granted: it shows a file with a lowered frame count, or one cut
behind a box, as a shorter video without an error.
"""

from typing import BinaryIO

import numpy as np

from stagewise.video.container_error import MOST_FRAMES, ContainerError, text
from stagewise.video.mp4_boxes import Boxes
from stagewise.video.mp4_fragments import frames_in_fragments

MOST_EDITS = 100  # one, or a pause and one, are usual
FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")
# where version 0 and version 1, of longer times, keep it (8.2.2, 8.3.2, 8.4.2)
HEADER_FIELDS = {
    (b"mvhd", "clock"): (slice(12, 16), slice(20, 24)),
    (b"mdhd", "clock"): (slice(12, 16), slice(20, 24)),
    (b"mdhd", "duration"): (slice(16, 20), slice(24, 32)),
    (b"tkhd", "duration"): (slice(20, 24), slice(28, 36)),
}


def frames_promised(file: BinaryIO) -> int:
    """How many frames the first video track shows.

    file: an mp4, seekable, at any position; left at any other. Raises ContainerError unless it has one whole index
    (`moov`), a video track in this very file, tables that agree, and the bytes of every frame.
    """
    boxes = Boxes(file, 0, file.seek(0, 2))
    movie = boxes.within(b"moov")
    track = _video_track(movie)
    samples, in_fragments = track.within(b"mdia", b"minf", b"stbl"), movie.all(b"mvex")
    sizes = _sizes(samples, least=0 if in_fragments else 1)
    if len(sizes):
        _require_content(samples, sizes, boxes)
    times = _times(samples, len(sizes))
    if in_fragments:
        return frames_in_fragments(boxes, movie, track, times, _length(samples))
    if boxes.all(b"moof"):
        raise ContainerError("is damaged: it has fragments (moof), and its index tells of none")
    return _left_by_edits(movie, track, times)


def _video_track(movie: Boxes) -> Boxes:
    for span in movie.all(b"trak"):
        track = Boxes(movie.file, span.start, span.end)
        if track.within(b"mdia").content(b"hdlr")[8:12] == b"vide":
            _require_this_file(track.within(b"mdia", b"minf"))
            return track
    raise ContainerError("has no video stream")


def _require_this_file(information: Boxes) -> None:
    codecs = information.within(b"stbl").within(b"stsd", skip=8).spans  # behind version and count
    sources = information.within(b"dinf").within(b"dref", skip=8).spans
    for source in sources:
        information.file.seek(source.start)
        if information.file.read(4)[3:] != b"\1":  # the flag "in this file" (8.7.2)
            raise ContainerError("takes its frames from another file")
    if not codecs or not sources:
        raise ContainerError("is damaged: its index does not say what its frames are")
    if len({codec.kind for codec in codecs}) > 1:  # FFmpeg would leave out those of all kinds but one
        raise ContainerError("changes its codec: " + ", ".join(text(codec.kind) for codec in codecs))


def _sizes(samples: Boxes, least: int) -> np.ndarray:
    """Bytes of each frame, int64 (8.7.3)."""
    content = samples.content(b"stsz")
    common, count = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    if not least <= count <= MOST_FRAMES:
        raise ContainerError(f"has {count or 'no'} frames")
    return np.full(count, common) if common else samples.table(b"stsz", "u4", skip=8)[:, 0]


def _times(samples: Boxes, count: int) -> np.ndarray:
    """When each frame is shown, in ticks of its track, int64; unsorted, since frames lie in coding order (8.6.1)."""
    steps = _repeated(samples, b"stts", "u4 u4", count)
    times = np.cumsum(steps) - steps
    return times + _repeated(samples, b"ctts", "u4 i4", count) if samples.all(b"ctts") else times


def _length(samples: Boxes) -> int:
    counts, steps = samples.table(b"stts", "u4 u4").T
    return int((counts * steps).sum())


def _repeated(samples: Boxes, kind: bytes, columns: str, count: int) -> np.ndarray:
    """The values of a table of (how often, value)."""
    times, values = samples.table(kind, columns).T
    if times.sum() != count:
        raise ContainerError(f"is damaged: its index has {count} frames in box stsz and {times.sum()} in {text(kind)}")
    return np.repeat(values, times)


def _require_content(samples: Boxes, sizes: np.ndarray, top: Boxes) -> None:
    """Every chunk of frames lies in an mdat, and none in another chunk (8.7.4, 8.7.5)."""
    wide = bool(samples.all(b"co64"))
    starts = samples.table(b"co64" if wide else b"stco", "i8" if wide else "u4")[:, 0]
    first_chunks, frames, _ = samples.table(b"stsc", "u4 u4 u4").T
    repeats = np.diff(first_chunks - 1, append=len(starts))
    placed = len(frames) and first_chunks[0] == 1 and repeats.min() > 0 and frames.min() > 0
    if not placed or (repeats * frames).sum() != len(sizes):
        raise ContainerError(f"is damaged: its index does not place its {len(sizes)} frames")
    frames = np.repeat(frames, repeats)
    lengths = np.add.reduceat(sizes, np.cumsum(frames) - frames)
    top.require_frames(starts, lengths)


def _left_by_edits(movie: Boxes, track: Boxes, times: np.ndarray) -> int:
    """Frames left by the edit list (8.6.6), which may hide some at both ends; all of them without one."""
    if not track.all(b"edts"):
        return len(times)
    edits = track.within(b"edts")
    table = edits.table(b"elst", "u8 i8 u4" if edits.content(b"elst")[:1] == b"\1" else "u4 i4 u4").tolist()
    if len(table) > MOST_EDITS:
        raise ContainerError(f"has an edit list of {len(table)} parts; {MOST_EDITS} are read at most")
    media = track.within(b"mdia")
    ticks = _number(media, b"mdhd", "clock") / _number(movie, b"mvhd", "clock")
    spans = [(start, start + round(length * ticks)) for length, start, _ in table if start >= 0]  # -1 is a pause
    count = int(np.sum([(times >= start) & (times < stop) for start, stop in spans]))
    if count != len(times):
        # the track's duration is by definition the sum of its edits (8.3.2); each of them may be rounded
        agrees = abs(_number(track, b"tkhd", "duration") - sum(length for length, *_ in table)) <= len(table)
        if not (count and agrees and _is_plausible(media, times, max(stop for _, stop in spans) - ticks)):
            shown = f"its edit list shows {count} of its {len(times)} frames"
            raise ContainerError(f"is damaged: {shown}, unlike its header")
    return count


def _is_plausible(media: Boxes, times: np.ndarray, last_stop: float) -> bool:
    """Whether the times that an edit list hides frames by agree with each other, and no edit ends behind the last."""
    samples = media.within(b"minf", b"stbl")
    steps = samples.table(b"stts", "u4 u4")[:, 1]
    whole = abs(_number(media, b"mdhd", "duration") - _length(samples)) <= steps.max()
    times = np.sort(times)
    return whole and np.isin(np.diff(times), steps).all() and last_stop <= times[-1] + steps.max()


def _number(boxes: Boxes, kind: bytes, what: str) -> int:
    """Ticks a second, or a duration in ticks. Raises ContainerError where it is 0."""
    content = boxes.content(kind)
    number = int.from_bytes(content[HEADER_FIELDS[kind, what][content[:1] == b"\1"]], "big")
    if not number:
        raise ContainerError(f"is damaged: box {text(kind)} has no {what}")
    return number
