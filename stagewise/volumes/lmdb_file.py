"""An LMDB file, read by position: the part of its format (0.9's, data version 1) that a finished file needs.

Ours, beside the library that writes these files: the library maps the file into memory, where a page that is cut off
or that the disk does not give kills the process, and of 3,000 copies with bytes changed in their pages 56 killed it
(docs/LOG.md). Here every number of the file is compared with its size, and is read by `pread`, which a fork, a thread
and a network file system take.
"""

import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stagewise.files import paths

MAGIC, DATA_VERSION = 0xBEEFC0DE, 1  # numbers lie as a little-endian processor of 64 bits has them
HEADER = struct.Struct("<QHHHH")  # a page's own number, unused, kind, end of the list of nodes, begin of the nodes
NODE = struct.Struct("<HHHH")  # low and high half of the value's length or of the child's number, flags, key's length
# magic, version, address, map size; page size, unused, 4 counts and root of the free list; unused, flags, depth,
# 4 counts and root of the tree; last page, transaction
META = struct.Struct("<IIQQ" + "IHH5Q" + "IHH5Q" + "QQ")
SHORT, LONG = struct.Struct("<H"), struct.Struct("<Q")
BRANCH, LEAF = 1, 2  # kinds of page
BIG = 1  # flag of a node whose value lies on pages of its own
PAGE_SIZES = [1 << power for power in range(9, 16)]
DEEPEST = 32  # pages from the root to a leaf, LMDB's own limit
EMPTY = 2**64 - 1  # root of a tree without entries


class LmdbFileError(Exception):
    """The content is not that of a whole LMDB file."""


@dataclass(frozen=True)
class Meta:
    """What one of the two first pages tells of the file; the one of the later transaction counts."""

    page_size: int
    depth: int
    root: int
    pages: int
    transaction: int


class LmdbFile:
    """A finished file: what lies under a key, and which keys there are.

    Raises LmdbFileError where what is read is damaged, OSError where the disk does not give it. No more than a page is
    in memory, and nothing is checked that is not read; whether a value is the right one is for its reader to tell.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        size = os.fstat(self.descriptor).st_size
        first = self._meta(0)
        self.meta = max(first, self._meta(first.page_size), key=lambda meta: meta.transaction)
        if size < (needed := self.meta.pages * self.meta.page_size):
            raise LmdbFileError(f"is cut off: {size:,} bytes of {needed:,}")

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def find(self, key: bytes) -> tuple[int, int] | None:
        """Where the value of a key begins in the file, and its length, in bytes; None where there is no such key."""
        number = self.meta.root
        for _ in range(self.meta.depth):
            page = self._page(number)
            if page.kind == LEAF:
                place = bisect_left(range(page.nodes), key, key=page.key)
                return self._value(page, place) if place < page.nodes and page.key(place) == key else None
            place = bisect_right(range(1, page.nodes), key, key=page.key)  # the first node's key stands for all before
            number = page.child(place)
        if number != EMPTY:
            raise LmdbFileError("has a damaged tree")
        return None

    def __iter__(self) -> Iterator[bytes]:
        """All keys, in their order."""
        seen, waiting = set(), [self.meta.root] * (self.meta.root != EMPTY)
        while waiting:
            number = waiting.pop()
            if number in seen:
                raise LmdbFileError("has a damaged tree")
            seen.add(number)
            page = self._page(number)
            if page.kind == LEAF:
                yield from map(page.key, range(page.nodes))
            else:
                waiting += map(page.child, reversed(range(page.nodes)))

    def read(self, start: int, size: int) -> bytes:
        """Bytes of the file; fewer where it ends."""
        with paths.naming(self.path):
            return os.pread(self.descriptor, size, start)

    def announce(self, start: int, size: int) -> None:
        """Have the disk read in one go what is asked for next: a piece is waited for each time otherwise."""
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self.descriptor, start, size, os.POSIX_FADV_WILLNEED)

    def _meta(self, start: int) -> Meta:
        content = self.read(start, HEADER.size + META.size)
        if len(content) < HEADER.size + META.size:
            raise LmdbFileError("is cut off within its first pages")
        numbers = META.unpack_from(content, HEADER.size)
        magic, version, page_size, flags, depth = numbers[0], numbers[1], numbers[4], numbers[13], numbers[14]
        root, last, transaction = numbers[19], numbers[20], numbers[21]
        if (magic, version) != (MAGIC, DATA_VERSION) or page_size not in PAGE_SIZES or flags or depth > DEEPEST:
            raise LmdbFileError("is no LMDB file of a kind that is read here")
        return Meta(page_size, depth, root, last + 1, transaction)

    def _page(self, number: int) -> "Page":
        if not 2 <= number < self.meta.pages:
            raise LmdbFileError(f"names a page {number} that it does not have")
        page = Page(self.read(number * self.meta.page_size, self.meta.page_size))
        if page.number != number or page.kind not in (BRANCH, LEAF):
            raise LmdbFileError(f"has a damaged page {number}")
        return page

    def _value(self, page: "Page", place: int) -> tuple[int, int]:
        start, size, big = page.value(place)
        if not big:
            return page.number * self.meta.page_size + start, size
        number, pages = page.number_at(start), -(-(HEADER.size + size) // self.meta.page_size)
        if not 2 <= number <= self.meta.pages - pages:
            raise LmdbFileError(f"names a page {number} that it does not have")
        return number * self.meta.page_size + HEADER.size, size


class Page:
    """A page of nodes, each with a key: of a branch, whose nodes lead to pages, or a leaf, whose nodes hold values."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.number, _, self.kind, end, _ = self._unpacked(HEADER, 0)
        self.nodes = (end - HEADER.size) // 2
        if not 1 <= self.nodes <= len(content) // 2:
            raise LmdbFileError(f"has a damaged page {self.number}")

    def key(self, place: int) -> bytes:
        """The key of one node."""
        start, (*_, size) = self._node(place)
        return self.content[start : start + size]

    def child(self, place: int) -> int:
        """The number of the page that a branch's node leads to."""
        _, (low, high, flags, _) = self._node(place)
        return low | high << 16 | flags << 32

    def value(self, place: int) -> tuple[int, int, bool]:
        """Where a leaf's value begins in the page, its length, and whether only the number of its page lies here."""
        start, (low, high, flags, size) = self._node(place)
        start, length = start + size, low | high << 16
        if flags not in (0, BIG) or (not flags and start + length > len(self.content)):
            raise LmdbFileError(f"has a damaged page {self.number}")
        return start, length, flags == BIG

    def number_at(self, start: int) -> int:
        """A page's number in the place of a value."""
        return self._unpacked(LONG, start)[0]

    def _node(self, place: int) -> tuple[int, tuple[int, int, int, int]]:
        (start,) = self._unpacked(SHORT, HEADER.size + 2 * place)
        return start + NODE.size, self._unpacked(NODE, start)

    def _unpacked(self, form: struct.Struct, start: int) -> tuple[int, ...]:
        if start + form.size > len(self.content):
            raise LmdbFileError("has a damaged page")
        return form.unpack_from(self.content, start)
