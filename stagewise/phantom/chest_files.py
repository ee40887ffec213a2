"""One chest film as a DICOM file: the tags of the competition's, and its pixels stored in one of many ways."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
)

SPACING = 0.168  # mm, of the competition's 1024 pixels a side
JPEG_QUALITY = 92
DEEP_SHARE, INVERTED_SHARE = 0.12, 0.1  # ours: the competition's few known files are all 8 bits, MONOCHROME2
SYNTAXES = (JPEGBaseline8Bit, ExplicitVRLittleEndian, ImplicitVRLittleEndian)
SYNTAX_SHARES = (0.84, 0.1, 0.06)


@dataclass(frozen=True)
class Encoding:
    """How pixels are stored. span: the stored values of black and white, None for all that the bits hold.

    rescale: slope and intercept of the values that the window is in; a span comes with its window.
    """

    syntax: UID = JPEGBaseline8Bit
    bits: int = 8
    inverted: bool = False
    span: tuple[int, int] | None = None
    rescale: tuple[float, float] | None = None


@dataclass(frozen=True)
class Names:
    """Made-up identifiers of one film; the file is named after `image`."""

    image: str
    study: str
    series: str
    patient: str


@dataclass(frozen=True)
class Facts:
    """What the tags say of the patient. view: PA or AP; sex: M or F; age: years."""

    view: str
    sex: str
    age: int


def draw_encoding(rng: np.random.Generator) -> Encoding:
    """Draw how a film is stored, whatever it shows: mostly as JPEG of 8 bits."""
    syntax = SYNTAXES[rng.choice(len(SYNTAXES), p=SYNTAX_SHARES)]
    inverted, deep = rng.random() < INVERTED_SHARE, rng.random() < DEEP_SHARE
    bits, rescaled = int(rng.choice((10, 12, 16))), rng.random() < 0.5
    low, high = int(rng.uniform(0, 0.2) * 2**bits), int(rng.uniform(0.6, 1) * (2**bits - 1))
    if not deep:
        return Encoding(syntax, inverted=inverted)
    return Encoding(
        ExplicitVRLittleEndian if syntax == JPEGBaseline8Bit else syntax,
        bits,
        inverted,
        (low, high),  # without a window, viewers differ in what they take for black and white
        (1.0, -float(2 ** (bits - 1))) if rescaled else None,
    )


def draw_names(rng: np.random.Generator) -> Names:
    """Identifiers derived from random UUIDs, under the root that DICOM keeps for those (PS3.5, B.2)."""
    image, study, series = (f"2.25.{int.from_bytes(rng.bytes(16), 'little')}" for _ in range(3))
    digits = rng.bytes(16).hex()
    return Names(image, study, series, "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])))


def stored(picture: np.ndarray, encoding: Encoding) -> np.ndarray:
    """What the file's pixels hold: (H, W) uint8 or uint16. picture: float32 of 0-1, 1 is white."""
    low, high = encoding.span or (0, 2**encoding.bits - 1)
    share = 1 - picture if encoding.inverted else picture
    return np.round(low + share * np.float32(high - low)).astype(np.uint8 if encoding.bits == 8 else np.uint16)


def write_film(path: Path, picture: np.ndarray, encoding: Encoding, names: Names, facts: Facts) -> None:
    """Write the film. picture: (H, W) float32 of 0-1, 1 is white."""
    film = Dataset()
    film.file_meta = _file_meta(encoding, names)
    film.SpecificCharacterSet = "ISO_IR 100"
    film.SOPClassUID, film.SOPInstanceUID = SecondaryCaptureImageStorage, names.image
    film.StudyDate, film.StudyTime, film.AccessionNumber = "19010101", "000000.00", ""
    film.Modality, film.ConversionType = "CR", "WSD"
    film.ReferringPhysicianName, film.SeriesDescription = "", f"view: {facts.view}"
    film.PatientName = film.PatientID = names.patient
    film.PatientBirthDate, film.PatientSex = "", facts.sex
    # years alone, as in the competition's files, where DICOM asks for 062Y
    film.add(DataElement(0x00101010, "AS", str(facts.age), validation_mode=IGNORE))
    film.BodyPartExamined, film.ViewPosition = "CHEST", facts.view
    film.StudyInstanceUID, film.SeriesInstanceUID = names.study, names.series
    film.StudyID, film.SeriesNumber, film.InstanceNumber, film.PatientOrientation = "", 1, 1, ""
    _add_pixels(film, stored(picture, encoding), encoding)
    film.save_as(path, enforce_file_format=True)


def _file_meta(encoding: Encoding, names: Names) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = names.image
    meta.TransferSyntaxUID = encoding.syntax
    return meta


def _add_pixels(film: Dataset, pixels: np.ndarray, encoding: Encoding) -> None:
    film.SamplesPerPixel, film.PixelRepresentation = 1, 0
    film.PhotometricInterpretation = "MONOCHROME1" if encoding.inverted else "MONOCHROME2"
    film.Rows, film.Columns = pixels.shape
    film.PixelSpacing = [round(SPACING * 1024 / side, 6) for side in pixels.shape]
    film.BitsAllocated = 8 * pixels.itemsize
    film.BitsStored, film.HighBit = encoding.bits, encoding.bits - 1
    if encoding.rescale:
        film.RescaleSlope, film.RescaleIntercept = encoding.rescale
        film.RescaleType = "US"
    if encoding.span:
        slope, intercept = encoding.rescale or (1, 0)
        low, high = (slope * value + intercept for value in encoding.span)
        # the linear function of PS3.3, C.11.2.1.2: black to c - 0.5 - (w - 1) / 2, white from c - 0.5 + (w - 1) / 2 on
        film.WindowCenter, film.WindowWidth = (low + high + 1) / 2, high - low + 1
    if encoding.syntax == JPEGBaseline8Bit:
        film.LossyImageCompression, film.LossyImageCompressionMethod = "01", "ISO_10918_1"
        _, frame = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        film.PixelData = encapsulate([frame.tobytes()])
        film["PixelData"].VR = "OB"
    else:
        film.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        film["PixelData"].VR = "OW" if pixels.itemsize == 2 or encoding.syntax == ImplicitVRLittleEndian else "OB"
