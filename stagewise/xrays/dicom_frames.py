"""The pixels of a DICOM file as they are stored, and as grey levels of 0-255."""

import io
import math

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import generate_frames

from stagewise.xrays.dicom_tags import BadFileError, Form, needed

JPEG_END = b"\xff\xd9"


def _pixel_data(data: Dataset) -> bytes:
    found = data.get("PixelData")
    if not isinstance(found, bytes) or not found:
        raise BadFileError("has no PixelData")
    return found


def plain_pixels(data: Dataset, form: Form) -> np.ndarray:
    """(H, W) of the stored values: uint8 where they are unsigned of 8 bits, else int32."""
    content, expected = _pixel_data(data), math.prod(form.shape) * form.allocated // 8
    if len(content) not in (expected, expected + expected % 2):  # a value's length is even
        cut = " (truncated)" * (len(content) < expected)
        raise BadFileError(f"has {len(content)} bytes of pixels, where its sizes need {expected}{cut}")
    values = np.frombuffer(content, f"<u{form.allocated // 8}", math.prod(form.shape)).reshape(form.shape)
    if (form.allocated, form.signed) == (8, False):
        return values.copy()
    # what lies above the highest bit, such as an overlay, and below the lowest, falls out
    values = values.astype(np.int32) >> (form.high + 1 - form.stored) & (1 << form.stored) - 1
    if form.signed:
        return values - ((values >> (form.stored - 1)) << form.stored)
    return values.astype(np.uint8) if form.stored == 8 else values


def jpeg_pixels(data: Dataset, form: Form) -> np.ndarray:
    """(H, W) uint8 of one JPEG stream of the file's size."""
    frame = next(generate_frames(_pixel_data(data), number_of_frames=1)).rstrip(b"\0")
    if not frame.endswith(JPEG_END):
        raise BadFileError("its JPEG stream is cut off")
    if (form.stored, form.signed) != (8, False):
        raise BadFileError(f"its JPEG stream has {form.stored} bits a pixel; convert it: dcmdjpeg OLD.dcm NEW.dcm")
    with Image.open(io.BytesIO(frame), formats=["JPEG"]) as picture:
        if picture.size != form.shape[::-1] or picture.mode != "L":
            found = f"{picture.width} x {picture.height} pixels ({picture.mode})"
            raise BadFileError(f"its JPEG stream has {found}, the file {form.shape[1]} x {form.shape[0]} grey ones")
        return np.array(picture)


def _rescale(data: Dataset) -> tuple[float, float]:
    found = needed(data, "RescaleSlope", float, 1.0), needed(data, "RescaleIntercept", float, 0.0)
    if not all(map(math.isfinite, found)) or found[0] == 0:
        raise BadFileError(f"has no valid RescaleSlope and RescaleIntercept, but {found[0]} and {found[1]}")
    return found


def grey_levels(stored: np.ndarray, data: Dataset) -> np.ndarray:
    """(H, W) uint8 of the stored pixels, as `read_dicom` says."""
    slope, intercept = _rescale(data)
    if stored.dtype == np.uint8 and (slope, intercept) == (1, 0):
        return stored
    return _scaled(stored * slope + intercept, data)


def _scaled(values: np.ndarray, data: Dataset) -> np.ndarray:
    """(H, W) uint8 of float64 values, by the file's window or the values' own range."""
    centre, width = (needed(data, name, _first, math.nan) for name in ("WindowCenter", "WindowWidth"))
    if math.isfinite(centre) and math.isfinite(width) and width >= 1:
        low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    else:
        low, high = float(values.min()), float(values.max())
    if not math.isfinite(high - low):
        raise BadFileError("its values are beyond all numbers")
    if high == low:
        return np.where(values > low, 255, 0).astype(np.uint8)
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def _first(value: object) -> float:
    """A number, or the first of several."""
    return float(value if isinstance(value, str | float | int) else value[0])
