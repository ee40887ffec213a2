"""The lists of an mp4's fragments: `mfra` at its end (8.8.10), `sidx` before fragments (8.16.3)."""

import numpy as np

from stagewise.video.container_error import NO_END, ContainerError
from stagewise.video.mp4_boxes import Boxes, word


def require_end(top: Boxes, fragments: list[int], end: int) -> None:
    """Raise ContainerError unless what the lists name is there, and one of them tells that nothing follows.

    top: the file; fragments: where they begin; end: where the last frame ends, all in bytes. `mfra` is the last box of
    its file; a `sidx` may tell of one fragment or of all, and so one that names a single fragment proves nothing.
    """
    told = 0
    for ending in top.all(b"mfra"):
        for span in Boxes(top.file, *ending[1:]).all(b"tfra"):
            if not set(fragments).issuperset(_listed(top.content_of(span))):
                raise ContainerError("is damaged or cut off: its list of fragments names some that are not there")
    for span in top.all(b"sidx"):
        sizes, stop = _told(top.content_of(span), span.end)
        if stop > top.spans[-1].end:
            raise ContainerError("is cut off: its list of fragments names bytes that are not there")
        told = max(told, stop if len(sizes) > 1 else 0)
    if told < end and not top.all(b"mfra"):
        raise ContainerError(f"may be cut off: {NO_END}")


def _told(content: bytes, behind: int) -> tuple[list[int], int]:
    """Bytes of the fragments that a `sidx` names, and where they end. behind: where it ends itself."""
    first, rows = (20, 28) if content[:1] == b"\1" else (16, 20)
    sizes = [word(content, place) & 0x7FFFFFFF for place in range(rows + 4, len(content), 12)]
    return sizes, behind + int.from_bytes(content[first:rows], "big") + sum(sizes)


def _listed(content: bytes) -> list[int]:
    """Where the fragments begin that a `tfra` names."""
    wide = 8 if content[:1] == b"\1" else 4
    width = 2 * wide + sum((content[11] >> shift & 3) + 1 for shift in (0, 2, 4)) if len(content) > 15 else 1
    rows = np.frombuffer(content[16:], np.uint8)
    if len(rows) != width * word(content, 12):
        raise ContainerError("is damaged: box tfra does not hold the rows that it counts")
    return rows.reshape(-1, width)[:, wide : 2 * wide].copy().view(f">u{wide}")[:, 0].tolist() if len(rows) else []
