"""Fragmented mp4 (ISO/IEC 14496-12, 8.8): a small index before each part of the frames, all checked before decoding.

A lost fragment leaves no gap in the file. It leaves one in the fragments' numbers and in their times, and the lists of
fragments at the end (`mfra`) or at the beginning (`sidx`), where the writer made them, then name places without one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stagewise.video.container_error import MOST_FRAMES, NO_END, ContainerError
from stagewise.video.mp4_boxes import Boxes, Span, word
from stagewise.video.mp4_ends import require_end

HEADER = 8  # bytes of a moof's size and type, before its content
# optional fields by their flag: bytes of tfhd's (8.8.7), and of a row in trun's table (8.8.8)
BASE, DURATION, SIZE = 0x1, 0x8, 0x10
TRACK_FIELDS = {BASE: 8, 0x2: 4, DURATION: 4, SIZE: 4, 0x20: 4}
FROM_FRAGMENT = 0x20000
LARGEST_STEP = 1 << 60  # bytes, more than any file has
LATEST = 1 << 60  # ticks, for the first frame
OFFSET, FIRST_FLAGS, FRAME_DURATION, FRAME_SIZE, FRAME_FLAGS, FRAME_SHIFT = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


class Part(NamedTuple):
    """A track's frames in one fragment.

    time: when the first is decoded, None where it is not said; starts, lengths: bytes of the file, a run of frames
    each; durations, shifts: ticks of the track, a frame each, how long and how much later than decoded it is shown.
    """

    time: int | None
    starts: list[int]
    lengths: list[int]
    durations: np.ndarray
    shifts: np.ndarray


def frames_in_fragments(top: Boxes, movie: Boxes, track: Boxes, first_times: np.ndarray, begin: int) -> int:
    """How many frames the track has, in its own index and in fragments.

    top: the file; movie: its `moov`; track: the video's `trak`; first_times: when the frames of its own index are
    shown, in ticks; begin: when these end. Raises ContainerError for a fragment that is lost, cut off or contradicts
    another, and where nothing says that the last one there is the last.
    """
    header = track.content(b"tkhd")
    number = word(header, 20 if header[:1] == b"\1" else 12)
    fragments = top.all(b"moof")
    _require_sequence([word(Boxes(top.file, *span[1:]).content(b"mfhd"), 4) for span in fragments])
    parts, count = [], len(first_times)
    for part in _parts(top, fragments, number, _defaults(movie, number)):
        parts.append(part)
        count += len(part.durations)
        if count > MOST_FRAMES:
            raise ContainerError(f"has {count} frames or more")
    if count == len(first_times):
        raise ContainerError(f"may be cut off, since it has no fragments: {NO_END}" if count else "has no frames")
    starts, lengths = (np.concatenate([part[place] for part in parts]).astype(np.int64) for place in (1, 2))
    top.require_frames(starts, lengths)
    _require_all_shown(track, np.append(_times(parts, begin if len(first_times) else None), first_times))
    require_end(top, [span.start - HEADER for span in fragments], int((starts + lengths).max()))
    return count


def _require_sequence(numbers: list[int]) -> None:
    """Fragments count from 1 (8.8.5), by some writers from 0, and each number follows the one before."""
    for expected, number in enumerate(numbers, start=int(numbers[:1] != [0])):
        if number != expected:
            raise ContainerError(f"is damaged or cut: fragment {expected} is missing, {number} stands in its place")


def _defaults(movie: Boxes, number: int) -> dict[int, int]:
    """Duration and size of frames that no fragment says otherwise (8.8.3)."""
    extension = movie.within(b"mvex")
    for span in extension.all(b"trex"):
        movie.file.seek(span.start)
        content = movie.file.read(24)
        if word(content, 4) == number:
            return {DURATION: word(content, 12), SIZE: word(content, 16)}
    raise ContainerError("is damaged: its index has no fragments of its video track")


def _parts(top: Boxes, fragments: list[Span], number: int, defaults: dict[int, int]) -> Iterator[Part]:
    for span in fragments:
        for place, part in enumerate(Boxes(top.file, *span[1:]).all(b"traf")):
            track = Boxes(top.file, *part[1:])
            if word(track.content(b"tfhd"), 4) == number:
                yield _part(track, span.start - HEADER, place, defaults)


def _part(track: Boxes, fragment: int, place: int, defaults: dict[int, int]) -> Part:
    """One `traf`. fragment: where its moof begins; place: how many others stand before it there."""
    header = track.content(b"tfhd")
    flags, at, given = word(header, 0), 8, dict(defaults)
    for flag, width in TRACK_FIELDS.items():
        if flags & flag:
            given[flag] = int.from_bytes(header[at : at + width], "big")
            at += width
    if BASE not in given and place and not flags & FROM_FRAGMENT:
        raise ContainerError("is a fragmented mp4 whose frames are placed behind those of another track")
    base = end = given.get(BASE, fragment)
    starts, lengths, durations, shifts = [], [], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for span in track.all(b"trun"):
        offset, sizes, run_durations, run_shifts = _run(track.content_of(span), given)
        starts.append(end if offset is None else base + offset)
        if not 0 <= starts[-1] <= fragment + LARGEST_STEP:
            raise ContainerError("is damaged or cut off: its index names frames that are not there")
        lengths.append(int(sizes.sum()))
        end = starts[-1] + lengths[-1]
        durations.append(run_durations)
        shifts.append(run_shifts)
        if sum(map(len, durations)) > MOST_FRAMES:
            raise ContainerError(f"has more than {MOST_FRAMES} frames")
    return Part(_decode_time(track), starts, lengths, np.concatenate(durations), np.concatenate(shifts))


def _run(content: bytes, given: dict[int, int]) -> tuple[int | None, np.ndarray, np.ndarray, np.ndarray]:
    """A `trun`: offset of its first byte, sizes, durations and shifts of its frames, int64."""
    flags, count, at = word(content, 0), word(content, 4), 8
    offset = int.from_bytes(content[8:12], "big", signed=True) if flags & OFFSET else None
    at += 4 * bool(flags & OFFSET) + 4 * bool(flags & FIRST_FLAGS)
    fields = [flag for flag in (FRAME_DURATION, FRAME_SIZE, FRAME_FLAGS, FRAME_SHIFT) if flags & flag]
    if len(content) != at + 4 * len(fields) * count or count > MOST_FRAMES:
        raise ContainerError(f"is damaged: box trun does not hold the {count} rows that it counts")
    table = np.frombuffer(content[at:], ">i4").reshape(count, len(fields)).astype(np.int64)
    columns = dict(zip(fields, table.T, strict=True))
    sizes = columns.get(FRAME_SIZE, np.full(count, given[SIZE])) & 0xFFFFFFFF
    durations = columns.get(FRAME_DURATION, np.full(count, given[DURATION])) & 0xFFFFFFFF
    return offset, sizes, durations, columns.get(FRAME_SHIFT, np.zeros(count, np.int64))


def _decode_time(track: Boxes) -> int | None:
    if not track.all(b"tfdt"):
        return None
    content = track.content(b"tfdt")
    return int.from_bytes(content[4 : 12 if content[:1] == b"\1" else 8], "big")


def _times(parts: list[Part], begin: int | None) -> np.ndarray:
    """When each frame is shown. Raises ContainerError where a part does not begin when the one before it ends.

    begin: when the first part does, None where it may at any time. The last frame of a part lasts until the next part,
    which not all writers know yet when they write it: it may be off by as long as the longest frame. (A lost part as
    short as that is known by its number.)
    """
    longest = max(int(part.durations.max()) for part in parts if len(part.durations))
    expected, times = min(parts[0].time or 0, LATEST) if begin is None else begin, []
    for part in parts:
        begin = expected if part.time is None else part.time
        if abs(begin - expected) > longest:
            raise ContainerError(f"is damaged or cut: its frames end at {expected} and go on at {begin} ticks")
        times.append(begin + np.cumsum(part.durations) - part.durations + part.shifts)
        expected = begin + int(part.durations.sum())
    return np.concatenate(times)


def _require_all_shown(track: Boxes, times: np.ndarray) -> None:
    """FFmpeg takes no edit list's hidden frames out of fragments, and players do."""
    if track.all(b"edts"):
        edits = track.within(b"edts")
        table = edits.table(b"elst", "u8 i8 u4" if edits.content(b"elst")[:1] == b"\1" else "u4 i4 u4")
        shown = [start for start in table[:, 1].tolist() if start >= 0]  # -1 is a pause
        if len(shown) > 1 or (shown and shown[0] > times.min()):
            raise ContainerError("is a fragmented mp4 whose edit list hides frames")
