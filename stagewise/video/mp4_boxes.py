"""The boxes of an mp4 and the tables in them (ISO/IEC 14496-12; its sections in brackets), none read beyond its end."""

from typing import BinaryIO, NamedTuple

import numpy as np

from stagewise.video.container_error import ContainerError, text

MOST_BOXES = 1 << 16  # in one place; a competition file has about 10, a fragmented one two for each fragment
LARGEST_CONTENT = 1 << 24  # bytes of one table: 16 for each of a million frames, more than any table has


class Span(NamedTuple):
    """Where the content of a box lies, in bytes of the file, half open."""

    kind: bytes
    start: int
    end: int


class Boxes:
    """The boxes that fill a span of a file, one level deep."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        """Raises ContainerError unless every box ends within the span, and the last one with it."""
        self.file, self.spans = file, []
        while start < end:
            span = self._span(start, end)
            self.spans.append(span)
            start = span.end
            if len(self.spans) > MOST_BOXES:
                raise ContainerError(f"is damaged: it has more than {MOST_BOXES} boxes in one place")

    def _span(self, start: int, end: int) -> Span:
        """A box is 4 bytes of size, 4 of type (4.2); size 1 stands for 8 more bytes of size, 0 for "to the end"."""
        self.file.seek(start)
        header = self.file.read(16)
        size, content = int.from_bytes(header[:4], "big"), start + 8
        stop = start + size if size else end
        if size == 1:
            stop, content = start + int.from_bytes(header[8:], "big"), start + 16
        if max(stop, content) > end:
            missing = max(stop, content) - end
            raise ContainerError(f"is cut off: {missing} bytes are missing at its end, in box {text(header[4:8])}")
        if stop < content:
            raise ContainerError(f"is damaged: box {text(header[4:8])} is {stop - start} bytes long")
        return Span(header[4:8], content, stop)

    def all(self, kind: bytes) -> list[Span]:
        """The boxes of this kind."""
        return [span for span in self.spans if span.kind == kind]

    def only(self, kind: bytes) -> Span:
        """The one box of this kind. Raises ContainerError where there is none, or another."""
        found = self.all(kind)
        if len(found) != 1:
            raise ContainerError(f"is damaged or cut off: it has {len(found) or 'no'} boxes {text(kind)}, not one")
        return found[0]

    def within(self, *kinds: bytes, skip: int = 0) -> "Boxes":
        """The boxes in the only box of a kind, or further down; the last one's content begins `skip` bytes later."""
        boxes = self
        for kind in kinds:
            _, start, end = boxes.only(kind)
            boxes = Boxes(self.file, start + skip * (kind == kinds[-1]), end)
        return boxes

    def content(self, kind: bytes) -> bytes:
        """The content of the only box of this kind."""
        return self.content_of(self.only(kind))

    def content_of(self, span: Span) -> bytes:
        """The content of one of the boxes. Raises ContainerError where it is larger than any video's is."""
        kind, start, end = span
        if end - start > LARGEST_CONTENT:
            raise ContainerError(f"has {end - start} bytes in box {text(kind)}, more than any video needs")
        self.file.seek(start)
        return self.file.read(end - start)

    def table(self, kind: bytes, columns: str, skip: int = 4) -> np.ndarray:
        """A table behind `skip` bytes and the number of its rows, which must fill the box.

        columns: numpy's type of each, without byte order. Returns: (rows, columns) int64.
        """
        content = self.content(kind)
        rows, rest = int.from_bytes(content[skip : skip + 4], "big"), content[skip + 4 :]
        dtype = np.dtype([(str(number), f">{column}") for number, column in enumerate(columns.split())])
        if len(rest) != rows * dtype.itemsize:
            raise ContainerError(f"is damaged: box {text(kind)} does not hold the {rows} rows that it counts")
        table = np.frombuffer(rest, dtype)
        return np.stack([table[name].astype(np.int64) for name in dtype.names], axis=-1)

    def require_frames(self, starts: np.ndarray, lengths: np.ndarray) -> None:
        """Raise ContainerError unless each run of frames lies in an mdat of this level, and none in another run.

        starts, lengths: (runs,) int64, bytes of the file.
        """
        inside = np.zeros(len(starts), bool)
        for store in self.all(b"mdat"):
            inside |= (starts >= store.start) & (lengths <= store.end - starts)
        order = np.argsort(starts)
        if not inside.all() or (lengths[order][:-1] > np.diff(starts[order])).any():
            raise ContainerError("is damaged or cut off: its index names frames that are not there")


def word(content: bytes, place: int) -> int:
    """The 4-byte number at this place of a box's content."""
    return int.from_bytes(content[place : place + 4], "big")
