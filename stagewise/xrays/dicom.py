"""One grey picture of a DICOM file, of which nothing is believed: length, sizes and tags are checked before decoding.

pydicom takes the file apart, and only the tags named here are kept. A compressed data set, which could unpack to any
length, is never unpacked; the frame is decoded here, or by Pillow after its own header agrees with the file's.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.xrays.dicom_frames import grey_levels, jpeg_pixels, plain_pixels
from stagewise.xrays.dicom_tags import JPEG, BadFileError, form_of, photometric_of, read_tags

LARGEST_BYTES = 1 << 25  # of a file: two for each of the most pixels


class DicomError(InputError):
    """A DICOM file that cannot be used; `reason` says why, without the file's name."""

    def __init__(self, path: Path | None, reason: str) -> None:
        super().__init__(path, reason)  # by which a worker's error is made again in the process that waits for it
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        named = f"{paths.shown(self.path)}: " if self.path else ""
        return f"{named}{self.reason}; replace the file, or leave it out: --keep-going"


@dataclass(frozen=True)
class XRay:
    """A picture. grey: (H, W) uint8, 0 black, whichever way the file has it; photometric: as the file has it."""

    grey: np.ndarray
    photometric: str


def read_dicom(source: Path | bytes) -> XRay:
    """The picture in a DICOM file of one grey frame of 8 to 16 bits.

    Pixels of 8 bits are taken as they are, as the winner did, whatever window the file names. Others, and those that a
    rescale slope or intercept changes, are brought to 0-255 by the file's first window (WindowCenter and WindowWidth,
    linear, DICOM PS3.3 C.11.2.1.2), or where there is none by the image's own least and largest value, since BitsStored
    is often more than the detector fills; lookup tables are not applied. MONOCHROME1 is inverted.

    Raises DicomError for anything else, with the reason; OSError where the file cannot be read.
    """
    path, content = (None, source) if isinstance(source, bytes) else (source, _content(source))
    try:
        with warnings.catch_warnings(action="ignore"):  # pydicom's, of what it finds odd
            return _picture(content)
    except BadFileError as error:
        reason = str(error)
    except Exception as error:  # a hostile file can raise anything in pydicom and Pillow; all of it means the same
        reason = f"is damaged ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    raise DicomError(path, reason if reason.isprintable() else ascii(reason)[1:-1])


def _content(path: Path) -> bytes:
    with paths.naming(path), path.open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


def _picture(content: bytes) -> XRay:
    if len(content) > LARGEST_BYTES:
        raise BadFileError(f"is larger than {LARGEST_BYTES >> 20} MiB")
    syntax, data = read_tags(content)
    form, photometric = form_of(data), photometric_of(data)
    grey = grey_levels(jpeg_pixels(data, form) if syntax in JPEG else plain_pixels(data, form), data)
    return XRay(255 - grey if photometric == "MONOCHROME1" else grey, photometric)
