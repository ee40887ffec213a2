"""The tags of a DICOM file that its picture hangs on, taken apart by pydicom, each checked before it is used."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, JPEGExtended12Bit

from stagewise.volumes.grey_images import LARGEST_PIXELS

LARGEST_HEADER = 1 << 20  # bytes before the pixels: some thousand are usual, and each may take fifty of memory
MOST_ITEMS = 4096  # of sequences in a file; some hundred are usual, and each takes a kilobyte of memory when it is read
META = 132  # bytes before the tags: a preamble of 128, and "DICM"
MAGIC = b"DICM"
ITEM = b"\xfe\xff\x00\xe0"
PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)  # Pillow reads those of 8 bits
CONVERT_RAW = "convert it: gdcmconv --raw OLD.dcm NEW.dcm"
LONGEST_NAME = 128  # characters of a coding in a message
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")  # 0 is white, 0 is black
KEPT = {
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "HighBit": 0x00280102,
    "PixelRepresentation": 0x00280103,
    "WindowCenter": 0x00281050,
    "WindowWidth": 0x00281051,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
}
PIXELS = 0x7FE00010
Value = TypeVar("Value")


class BadFileError(ValueError):
    """What is wrong with a file, in words for the user."""


@dataclass(frozen=True)
class Form:
    """How pixels are stored: `stored` bits each of `allocated`, the highest of them number `high`."""

    shape: tuple[int, int]
    allocated: int
    stored: int
    high: int
    signed: bool


def read_tags(content: bytes) -> tuple[UID, Dataset]:
    """How the frame is coded, and the tags of `KEPT` that are there; BadFileError for no DICOM file."""
    if content[META - len(MAGIC) : META] != MAGIC:
        raise BadFileError("is not a DICOM file")
    if content.count(ITEM, 0, LARGEST_HEADER) > MOST_ITEMS:
        raise BadFileError(f"has more than {MOST_ITEMS} items")
    file = io.BytesIO(content[:LARGEST_HEADER])
    file.seek(META)
    # the tags that say how the others are written are written in one way alone
    first = data_element_generator(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
    syntax = UID(str(needed(Dataset({tag.tag: tag for tag in first}), "TransferSyntaxUID", str)))
    if syntax not in PLAIN + JPEG:
        raise BadFileError(
            f"its pixels are coded as {syntax.name[:LONGEST_NAME]}, which is not read here; {CONVERT_RAW}"
        )
    implicit, names = syntax == ImplicitVRLittleEndian, [*KEPT.values()]
    others = data_element_generator(file, implicit, True, stop_when=lambda tag, *_: tag == PIXELS, specific_tags=names)
    found = {tag.tag: tag for tag in others}
    return syntax, Dataset(found | {PIXELS: _pixels(content, file.tell(), implicit)})


def _pixels(content: bytes, place: int, implicit: bool) -> RawDataElement:
    """The tag of the pixels, which must stand there; what follows them is left alone."""
    file = io.BytesIO(content)
    file.seek(place)
    found = next(data_element_generator(file, implicit, True), None)
    if not isinstance(found, RawDataElement) or found.tag != PIXELS:
        raise BadFileError(f"has no PixelData, or more than {LARGEST_HEADER >> 20} MiB before them")
    return found


def needed(data: Dataset, name: str, kind: Callable[[object], Value], default: Value | None = None) -> Value:
    """A tag's value; with a default it may be missing or blank."""
    value = data.get(name)
    if value is None or value == "":
        if default is None:
            raise BadFileError(f"has no {name}")
        return default
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise BadFileError(f"has no valid {name}, but {str(value)[:40]!r}") from None


def form_of(data: Dataset) -> Form:
    """How the pixels are stored; BadFileError for more than one grey frame of 8 to 16 bits, or for too large a one."""
    samples, frames = needed(data, "SamplesPerPixel", int, 1), needed(data, "NumberOfFrames", int, 1)
    if samples != 1:
        raise BadFileError(f"is a colour picture ({samples} samples a pixel), not a grey one")
    if frames != 1:
        raise BadFileError(f"holds {frames} frames, not one")
    rows, columns = needed(data, "Rows", int), needed(data, "Columns", int)
    if rows < 1 or columns < 1 or rows * columns > LARGEST_PIXELS:
        raise BadFileError(f"has {columns} x {rows} pixels, where {LARGEST_PIXELS:,} are the most")
    allocated, stored = needed(data, "BitsAllocated", int), needed(data, "BitsStored", int)
    high = needed(data, "HighBit", int, stored - 1)
    if allocated not in (8, 16) or not 8 <= stored <= high + 1 <= allocated:
        raise BadFileError(f"has {stored} of {allocated} bits a pixel, the highest {high}; 8 to 16 are read")
    return Form((rows, columns), allocated, stored, high, needed(data, "PixelRepresentation", int, 0) == 1)


def photometric_of(data: Dataset) -> str:
    """One of `PHOTOMETRIC`."""
    found = needed(data, "PhotometricInterpretation", str).strip()
    if found not in PHOTOMETRIC:
        raise BadFileError(f"is {found[:40]}, not one of {', '.join(PHOTOMETRIC)}")
    return found
