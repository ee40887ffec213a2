"""The zip archive of a PyTorch weight file: uncompressed records, each of bytes of its own.

Python's zipfile takes archives of many kinds; this takes the one kind that PyTorch writes, so that nothing unpacks to
more than the file is long, and no two readers can see different records.
"""

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

from stagewise.files.torch_tensors import NotTensorsError

START = b"PK\x03\x04"
MOST_DIRECTORY_BYTES = 4 << 20  # ResNet101's directory has 50,000
END, END64, LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
ENTRY, LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
ENCRYPTED = 0x1 | 0x40  # of an entry's flags


@dataclass(frozen=True)
class Record:
    """Where a record's bytes lie in the file, and their checksum."""

    start: int
    size: int
    checksum: int


def records(content: bytes) -> dict[str, Record]:
    """The archive's records by name, without reading them.

    Raises NotTensorsError for an archive that is damaged, compressed, encrypted, or ambiguous in any way.
    """
    found: dict[str, Record] = {}
    spans = []
    directory, end = _directory(content)
    at = directory
    while at < end:
        name, header, size, checksum, at = _entry(content, at)
        if name in found:
            raise NotTensorsError(f"has the record {name!r} twice")
        start = _data_start(content, header, name)
        found[name] = Record(start, size, checksum)
        spans.append((header, start + size))
    if at != end:
        raise NotTensorsError("has a table of contents that ends within an entry")
    ordered = [*sorted(spans), (directory, end)]
    if any(stop > following for (_, stop), (following, _) in pairwise(ordered)):
        raise NotTensorsError("has records that overlap")
    return found


def read(content: bytes, record: Record) -> memoryview:
    """A record's bytes, uncopied; raises NotTensorsError where their checksum is another."""
    view = memoryview(content)[record.start : record.start + record.size]
    if zlib.crc32(view) != record.checksum:
        raise NotTensorsError("is damaged: a record's checksum is another")
    return view


def _directory(content: bytes) -> tuple[int, int]:
    """Where the table of contents begins and ends; the two end records of zip64 may stand between it and the end."""
    last = len(content) - END.size
    if last < 0 or not content.startswith(START):
        raise NotTensorsError("ends before its table of contents (truncated)")
    signature, disk, disk_too, count, count_too, size, start, comment = END.unpack_from(content, last)
    if signature != b"PK\x05\x06" or comment:
        raise NotTensorsError("ends before its table of contents (truncated), or has bytes after its end")
    if disk or disk_too or count != count_too or size > MOST_DIRECTORY_BYTES:
        raise NotTensorsError("has too long a table of contents, or is one of several parts")
    end = start + size
    if end != last:
        _check_zip64(content, (count, size, start), end, last)
    return start, end


def _check_zip64(content: bytes, plain: tuple[int, int, int], end: int, last: int) -> None:
    """The end record of zip64 and its locator say what the plain end record says."""
    if end + END64.size + LOCATOR.size != last:
        raise NotTensorsError("has bytes between its table of contents and its end")
    signature, length, _, _, disk, disk_too, count, count_too, size, start = END64.unpack_from(content, end)
    locator, locator_disk, place, disks = LOCATOR.unpack_from(content, end + END64.size)
    whole = (signature, locator) == (b"PK\x06\x06", b"PK\x06\x07") and length == END64.size - 12
    same = (count, size, start) == plain and count_too == count and place == end
    if not whole or not same or disk or disk_too or locator_disk or disks != 1:
        raise NotTensorsError("has two ends that differ")


def _entry(content: bytes, at: int) -> tuple[str, int, int, int, int]:
    """An entry of the table of contents: name, header's place, size, checksum, and where the next entry begins."""
    signature, _, _, flags, method, _, _, checksum, packed, size, name_length, *rest = ENTRY.unpack_from(content, at)
    extra, comment, disk, _, _, header = rest
    if signature != b"PK\x01\x02":
        raise NotTensorsError("has a damaged table of contents")
    if method or packed != size or flags & ENCRYPTED or disk:
        raise NotTensorsError("has records that are compressed or encrypted; PyTorch stores them as they are")
    start = at + ENTRY.size
    name = content[start : start + name_length].decode()
    return name, header, size, checksum, start + name_length + extra + comment


def _data_start(content: bytes, header: int, name: str) -> int:
    """Where a record's bytes begin, behind a header that names it, too."""
    signature, _, flags, method, *_, name_length, extra = LOCAL.unpack_from(content, header)
    start = header + LOCAL.size
    if signature != START or method or flags & ENCRYPTED or content[start : start + name_length] != name.encode():
        raise NotTensorsError(f"has a damaged header of the record {name!r}")
    return start + name_length + extra
