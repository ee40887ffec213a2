"""Grey PNG files of 8 or 16 bits, whole or refused.

OpenCV gives the upper part of a PNG that is cut off, and pixels that a flipped bit has changed, without a word. So the
checksum of every chunk and the length of what they unpack to are checked before it decodes.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from isal import isal_zlib

from stagewise.files import paths

LARGEST_PIXELS = 1 << 24  # 4096 x 4096; the largest detectors of chest X-rays have 4280 x 3520
LARGEST_OVERHEAD = 1 << 20  # bytes of a file beyond its pixels': what hardly compresses grows by a thousandth
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNK = struct.Struct(">I4s")  # length, kind
HEADER = struct.Struct(">IIBBBBB")  # width, height, bits, colour, compression, filter, interlace
GREY = (0, 0, 0, 0)  # colour and so on of the files that are read
DEPTHS = {8: np.uint8, 16: np.uint16}  # by the bits of a pixel


class NotAnImageError(ValueError):
    """Bytes that are no whole grey PNG; the message says why, without naming the file."""


def grey_png(pixels: np.ndarray, *options: int) -> bytes:
    """The content of a file. pixels: (H, W) uint8 or uint16; options: OpenCV's. Raises ValueError for another array."""
    known = pixels.dtype in DEPTHS.values() and pixels.ndim == 2
    if not known or not 0 < pixels.size <= LARGEST_PIXELS:
        depths = "uint8 or uint16"
        raise ValueError(
            f"{pixels.dtype} {pixels.shape} is not a grey image: (H, W) {depths} of {LARGEST_PIXELS} at most"
        )
    return cv2.imencode(".png", pixels, options)[1].tobytes()


def read_grey(path: Path, bits: int) -> np.ndarray:
    """A file's pixels: (H, W) uint8 or uint16, C order, writable. bits: 8 or 16, of a pixel.

    Raises FileNotFoundError, and NotAnImageError for a file that is damaged, too large or of another kind.
    """
    most = LARGEST_PIXELS * bits // 8 + LARGEST_OVERHEAD
    with paths.naming(path), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise NotAnImageError(f"is larger than {most >> 20} MiB")
    if not content.startswith(SIGNATURE):
        raise NotAnImageError("is no PNG")
    shape = _checked(content, bits)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != DEPTHS[bits] or image.shape != shape:
        raise NotAnImageError("cannot be decoded")
    return image


def _checked(content: bytes, bits: int) -> tuple[int, int]:
    """(H, W) of a file whose chunks are whole, and unpack to as many bytes as its pixels have."""
    chunks = _chunks(content)
    kind, data = next(chunks)
    if kind != b"IHDR" or len(data) != HEADER.size:
        raise NotAnImageError("is a PNG without a header")
    width, height, *form = HEADER.unpack(data)
    if tuple(form) != (bits, *GREY):
        raise NotAnImageError(f"is not grey of {bits} bits, row by row")
    if not 0 < width * height <= LARGEST_PIXELS:
        raise NotAnImageError(f"has {width} x {height} pixels, where {LARGEST_PIXELS:,} are the most")
    _check_pixels(b"".join(data for kind, data in chunks if kind == b"IDAT"), height * (width * bits // 8 + 1))
    return height, width


def _check_pixels(packed: bytes, expected: int) -> None:
    unpacker = isal_zlib.decompressobj()
    try:
        length = len(unpacker.decompress(packed, expected + 1))
    except isal_zlib.error as error:
        raise NotAnImageError(f"holds damaged pixels ({error})") from error
    if length != expected or not unpacker.eof or unpacker.unused_data:
        raise NotAnImageError(f"does not hold the {expected} bytes of its pixels")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and data of each chunk up to the end, with its checksum checked."""
    view, place, kind = memoryview(content), len(SIGNATURE), b""
    while kind != b"IEND":
        if len(content) < place + CHUNK.size:
            raise NotAnImageError("ends before its last chunk (truncated)")
        length, kind = CHUNK.unpack_from(content, place)
        end = place + CHUNK.size + length
        if len(content) < end + 4:
            raise NotAnImageError("ends before its last chunk (truncated)")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise NotAnImageError("is damaged (a checksum does not fit)")
        yield kind, view[place + CHUNK.size : end]
        place = end + 4
    if place != len(content):
        raise NotAnImageError("has bytes after its end")
