"""Grey images and masks on disk: PNG, 8 bits a pixel, and nothing of a damaged file is taken for an image.

OpenCV gives the upper part of a PNG that is cut off, and pixels that a flipped bit has changed, without a word. So the
checksum of every chunk and the length of what they unpack to are checked before it decodes.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from isal import isal_zlib

from stagewise.files import paths
from stagewise.messages.commands import CONVERT_DICOM
from stagewise.messages.errors import InputError

LARGEST_PIXELS = 1 << 24  # 4096 x 4096; the largest detectors of chest X-rays have 4280 x 3520
LARGEST_OVERHEAD = 1 << 20  # bytes of a file beyond one a pixel: what hardly compresses grows by a thousandth
# ours: the real X-ray takes 25 ms and 411 kB, with level 6 154 ms and 364 kB
FASTEST = (cv2.IMWRITE_PNG_COMPRESSION, 1)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNK = struct.Struct(">I4s")  # length, kind
HEADER = struct.Struct(">IIBBBBB")  # width, height, bits, colour, compression, filter, interlace
GREY = (8, 0, 0, 0, 0)  # bits and so on of the files that are read
LEVELS = (0, 255)  # of a mask
SUBSET_OF = {"train": "train", "test": "test", "masks": "train"}  # by the folder


class GreyImageError(InputError):
    """An image that cannot be used; `reason` says why, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # by which a worker's error is made again in the process that waits for it
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        subset = self.path.parent.name
        again = f"{CONVERT_DICOM} {SUBSET_OF[subset]}" if subset in SUBSET_OF else CONVERT_DICOM
        return f"image {paths.shown(self.path)}: {self.reason}; run: {again}"


class _NotAnImageError(ValueError):
    """Bytes that are no whole grey PNG; the message says why."""


def save_grey(path: Path, image: np.ndarray, durable: bool = True) -> str:
    """Write an image or a mask, the same bytes for the same image on the same machine.

    image: (H, W) uint8, every side at least 1; durable: as for `paths.replacing`. Returns: the file's sha256,
    hexadecimal. Raises ValueError for any other array.
    """
    if image.dtype != np.uint8 or image.ndim != 2 or not 0 < image.size <= LARGEST_PIXELS:
        raise ValueError(f"{image.dtype} {image.shape} is not a grey image: (H, W) uint8 of {LARGEST_PIXELS} at most")
    content = cv2.imencode(".png", image, FASTEST)[1].tobytes()
    with paths.replacing(path, durable) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_grey(path: Path) -> np.ndarray:
    """Read a whole image. Returns: (H, W) uint8, C order, writable.

    Raises GreyImageError for a file that is missing, damaged, too large, or anything but a grey PNG of 8 bits.
    """
    try:
        with paths.naming(path), path.open("rb") as file:
            content = file.read(LARGEST_PIXELS + LARGEST_OVERHEAD + 1)
        return _image(content)
    except FileNotFoundError:
        problem = "is not there"
    except _NotAnImageError as error:
        problem = str(error)
    raise GreyImageError(path, problem)


def load_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a whole mask. shape: (H, W) of its image. Returns: (H, W) uint8, 0 or 255.

    Raises GreyImageError as `load_grey` does, and for a mask of another size, or with other levels.
    """
    mask = load_grey(path)
    if mask.shape != tuple(shape):
        sizes = " and ".join(f"{width} x {height}" for height, width in (mask.shape, shape))
        raise GreyImageError(path, f"the mask and its image have different sizes, {sizes} pixels")
    levels = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    if strange := [int(level) for level in levels if level not in LEVELS]:
        raise GreyImageError(path, f"has a pixel of {strange[0]}, where a mask has 0 and 255 alone")
    return mask


def _image(content: bytes) -> np.ndarray:
    if len(content) > LARGEST_PIXELS + LARGEST_OVERHEAD:
        raise _NotAnImageError(f"is larger than {(LARGEST_PIXELS + LARGEST_OVERHEAD) >> 20} MiB")
    if not content.startswith(SIGNATURE):
        raise _NotAnImageError("is no PNG")
    height, width = _checked(content)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.shape != (height, width):
        raise _NotAnImageError("cannot be decoded")
    return image


def _checked(content: bytes) -> tuple[int, int]:
    """(H, W) of a file whose chunks are whole, and unpack to as many bytes as it has pixels."""
    chunks = _chunks(content)
    kind, data = next(chunks)
    if kind != b"IHDR" or len(data) != HEADER.size:
        raise _NotAnImageError("is a PNG without a header")
    width, height, *form = HEADER.unpack(data)
    if tuple(form) != GREY:
        raise _NotAnImageError("is not grey of 8 bits, row by row")
    if not 0 < width * height <= LARGEST_PIXELS:
        raise _NotAnImageError(f"has {width} x {height} pixels, where {LARGEST_PIXELS:,} are the most")
    _check_pixels(b"".join(data for kind, data in chunks if kind == b"IDAT"), height * (width + 1))
    return height, width


def _check_pixels(packed: bytes, expected: int) -> None:
    unpacker = isal_zlib.decompressobj()
    try:
        length = len(unpacker.decompress(packed, expected + 1))
    except isal_zlib.error as error:
        raise _NotAnImageError(f"holds damaged pixels ({error})") from error
    if length != expected or not unpacker.eof or unpacker.unused_data:
        raise _NotAnImageError(f"does not hold the {expected} bytes of its pixels")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and data of each chunk up to the end, with its checksum checked."""
    view, place, kind = memoryview(content), len(SIGNATURE), b""
    while kind != b"IEND":
        if len(content) < place + CHUNK.size:
            raise _NotAnImageError("ends before its last chunk (truncated)")
        length, kind = CHUNK.unpack_from(content, place)
        end = place + CHUNK.size + length
        if len(content) < end + 4:
            raise _NotAnImageError("ends before its last chunk (truncated)")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise _NotAnImageError("is damaged (a checksum does not fit)")
        yield kind, view[place + CHUNK.size : end]
        place = end + 4
    if place != len(content):
        raise _NotAnImageError("has bytes after its end")
