"""Grey PNG files, whole or refused: every chunk's checksum is compared, and sizes before anything is made of them."""

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZES = struct.Struct(">IIBBBBB")  # width, height, bits, colour, compression, filter, interlace
LENGTH, CHECKSUM = struct.Struct(">I"), struct.Struct(">I")
GREY = 0  # kind of colour
LARGEST_SIDE = 1 << 14


class PngError(ValueError):
    """Content that is no grey PNG of the kind asked for; the message goes on after the file's name."""


def grey_png(pixels: np.ndarray) -> bytes:
    """The content of a PNG file. pixels: (H, W) uint8 or uint16."""
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{pixels.dtype} {pixels.shape} is no grey picture: (H, W) uint8 or uint16")
    return cv2.imencode(".png", pixels)[1].tobytes()


def grey_pixels(content: bytes, dtype: type, shape: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of a PNG file. dtype: uint8 or uint16; shape: (H, W) that it must have.

    Returns: (H, W). Raises PngError for a file that is damaged, cut off, of another size, depth or colour.
    """
    chunks = _chunks(content)
    name, header = next(chunks)
    if name != b"IHDR" or len(header) != SIZES.size:
        raise PngError("has no header of a PNG file")
    width, height, bits, colour, _, _, interlace = SIZES.unpack(header)
    if (bits, colour, interlace) != (8 * np.dtype(dtype).itemsize, GREY, 0):
        raise PngError(f"is not grey of {8 * np.dtype(dtype).itemsize} bits, but of {bits} and colour type {colour}")
    if not 0 < max(width, height) <= LARGEST_SIDE or min(width, height) < 1:
        raise PngError(f"is of {height}x{width} pixels")
    if shape not in (None, (height, width)):
        raise PngError(f"is of {height}x{width} pixels, not {shape[0]}x{shape[1]}")
    _require_rows(b"".join(data for name, data in chunks if name == b"IDAT"), height, 1 + width * bits // 8)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (height, width) or pixels.dtype != dtype:
        raise PngError("cannot be decoded")
    return pixels


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of every chunk, each compared with its checksum, the last one the file's end."""
    if not content.startswith(SIGNATURE):
        raise PngError("is no PNG file")
    place, name = len(SIGNATURE), b""
    while name != b"IEND":
        if len(content) < place + 12:
            raise PngError("is cut off")
        (length,) = LENGTH.unpack_from(content, place)
        end = place + 8 + length
        if len(content) < end + 4:
            raise PngError("is cut off")
        name, data = content[place + 4 : place + 8], content[place + 8 : end]
        if CHECKSUM.unpack_from(content, end)[0] != zlib.crc32(content[place + 4 : end]):
            raise PngError("is damaged: a checksum does not fit")
        yield name, data
        place = end + 4


def _require_rows(compressed: bytes, height: int, row: int) -> None:
    """Raise PngError unless so many rows of so many bytes, and no more, are compressed."""
    decompressor, wanted = zlib.decompressobj(), height * row
    try:
        rows = decompressor.decompress(compressed, wanted + 1)
    except zlib.error as error:
        raise PngError(f"is damaged ({error})") from error
    if len(rows) != wanted or not decompressor.eof:
        raise PngError("does not hold as many pixels as it says")
