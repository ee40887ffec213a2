"""Small DICOM files for tests, of every kind that the reader takes."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

SHAPE = (12, 16)
GREY = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)


def dataset(pixels=GREY, photometric="MONOCHROME2", stored=None, **tags):
    """The tags of a grey picture; those given replace them, or with None leave them out."""
    bits = pixels.dtype.itemsize * 8
    stored = stored or bits
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, stored, stored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    content = pixels.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def dicom(*pixels, syntax=ExplicitVRLittleEndian, **tags) -> bytes:
    """The file."""
    data = dataset(*pixels, **tags)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data["PixelData"].VR = "OB" if syntax.is_encapsulated or data.get("BitsAllocated") == 8 else "OW"
    made = io.BytesIO()
    dcmwrite(made, data, enforce_file_format=True)
    return made.getvalue()


def jpeg(pixels=GREY, **tags) -> bytes:
    """The file with the picture as a JPEG stream, which Pillow's own pixels are to be read from."""
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=95)
    return dicom(pixels, syntax=JPEGBaseline8Bit, **{"PixelData": encapsulate([made.getvalue()])} | tags)


def put(path: Path, content: bytes) -> Path:
    """The file in a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def with_items(content: bytes, count: int) -> bytes:
    """The file with a sequence of empty items before its picture."""
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0" * count
    place = content.index(b"\x28\x00\x02\x00")
    return content[:place] + sequence + b"\xfe\xff\xdd\xe0\0\0\0\0" + content[place:]


def kinds() -> list[bytes]:
    """Files of every kind that is read."""
    deep = GREY.astype(np.uint16) * 16
    window = dict(WindowCenter=2000, WindowWidth=4000, RescaleSlope=1.5, RescaleIntercept=-10)
    return [
        dicom(),
        jpeg(),
        dicom(deep, stored=12, **window),
        dicom(deep.astype(np.int16), "MONOCHROME1", syntax=ImplicitVRLittleEndian),
        with_items(dicom(), 3),
    ]
