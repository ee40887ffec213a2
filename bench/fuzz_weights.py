"""What `fuzz.py` feeds the reader of PyTorch's weight files with, and what must hold of the answer."""

import io
import zipfile
from pathlib import Path

SAVED = Path(__file__).parents[1] / "tests" / "oracles"  # by PyTorch itself
ARCHIVE = "saved_kinds_zip"
PICKLE = f"{ARCHIVE}/data.pkl"
READERS = ("weights", "archive", "pickle", "tensors")
MODULES = (
    *(f"stagewise.files.torch_{reader}" for reader in READERS),
    "pickletools",
)  # whose coverage guides the changes


def weight_files() -> list[bytes]:
    """Files of both formats, and a pickle alone; the first byte says whether an archive is still to be put around."""
    whole = [b"\0" + path.read_bytes() for path in sorted(SAVED.glob("saved_*.pth"))]
    with zipfile.ZipFile(SAVED / f"{ARCHIVE}.pth") as archive:
        return [*whole, b"\1" + archive.read(PICKLE)]


def check_weights(path: Path, content: bytes) -> None:
    import numpy as np

    from stagewise.files.torch_weights import LARGEST_BYTES, read_torch_weights

    # without this, hardly a change would get past the archive's checksums
    path.write_bytes(_around(content[1:]) if content[:1] == b"\1" else content[1:])
    found = read_torch_weights(path, "")
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in found.values())
    assert sum(array.nbytes for array in found.values()) <= LARGEST_BYTES
    assert all(np.array(array).size == array.size for array in found.values())  # every number can be read


def _around(content: bytes) -> bytes:
    """A pickle in the archive that has the storages it refers to."""
    made = io.BytesIO()
    with zipfile.ZipFile(SAVED / f"{ARCHIVE}.pth") as archive, zipfile.ZipFile(made, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, content if name == PICKLE else archive.read(name))
    return made.getvalue()
