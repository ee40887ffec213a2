"""What `fuzz.py` feeds the reader of DICOM files with, and what must hold of the answer."""

import sys
from pathlib import Path

DICOM_MODULES = (
    *(f"stagewise.xrays.{name}" for name in ("dicom", "dicom_tags", "dicom_frames")),
    *(f"pydicom.{name}" for name in ("filereader", "encaps", "fileutil", "dataelem", "values", "sequence", "dataset")),
)  # whose coverage guides the changes


def dicom_files() -> list[bytes]:
    """Files of every kind that is read, as the tests make them."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from made_dicoms import kinds

    return kinds()


def check_dicom(path: Path, content: bytes) -> None:
    import numpy as np

    from stagewise.volumes.grey_images import LARGEST_PIXELS
    from stagewise.xrays.dicom import read_dicom

    path.write_bytes(content)
    found = read_dicom(path)
    assert found.grey.dtype == np.uint8 and found.grey.ndim == 2 and 0 < found.grey.size <= LARGEST_PIXELS
    assert found.photometric in ("MONOCHROME1", "MONOCHROME2")
