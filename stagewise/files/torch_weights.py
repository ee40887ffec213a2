"""PyTorch's weight files (`torch.save(net.state_dict(), path)`, .pth, .pt), read without PyTorch, as numbers alone.

Two formats are read: the zip archive that PyTorch writes since 1.6, and the one before it, since 0.1.10, a row of
pickles and the numbers behind them: torchvision's Kinetics-400 files of 2019 are of that kind. Nothing in a file is
run, and no array is made before its numbers are known to be there.
"""

import hashlib
import io
import os
import re
from math import prod
from pathlib import Path

import numpy as np

from stagewise.files import paths, torch_archive
from stagewise.files.torch_pickle import read_pickle
from stagewise.files.torch_tensors import NotTensorsError, Storage, Tensor, state_dict
from stagewise.messages.errors import InputError

LARGEST_BYTES = 1 << 30  # of a file, and of its arrays; ResNet101 in 3D has 340 MB
LARGEST_PICKLE = 16 << 20  # ResNet101's has 110,000 bytes
BFLOAT16 = "BFloat16Storage"
DTYPES = {  # as the file's little-endian bytes; bfloat16 is the upper half of a float32
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    BFLOAT16: "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
BESIDES = {"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}  # zip's records
ZIP, PICKLE = b"PK", b"\x80\x02"  # how the two formats' files begin
MAGIC, LEGACY = 0x1950A86A20F9469CFC6C, 1001  # how the format before the zip archive begins
COUNT = 8  # bytes before each storage's numbers there
HASHED = re.compile(r"-([0-9a-f]{8,64})\.pth?$")  # torch.hub's names end with the beginning of the sha256

Bytes = bytes | memoryview


def read_torch_weights(path: Path, mend: str) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, in the file's order.

    Returns: arrays in C order of the file's types, which may be views of one buffer and read-only; bfloat16 becomes
    float32, of the same values. Raises InputError, with `mend` at the end of its message, for a file that is missing,
    damaged, too large, or holds anything but names and tensors; OSError where the disk does not give the file.
    """
    path = Path(path)
    try:
        content = _content(path)
        storages = _from_zip if content.startswith(ZIP) else _from_legacy
        return _arrays(*storages(content))
    except FileNotFoundError:
        raise InputError(f"no weights {paths.shown(path)}; {mend}") from None
    except OSError:
        raise  # the disk's fault, not the content's
    except NotTensorsError as error:
        problem = str(error)
    except Exception as error:  # a damaged file can raise anything; all of it means the same to the user
        problem = f"is no whole file of torch.save ({type(error).__name__}: {error})"
    raise InputError(f"{paths.shown(path)} {problem}; {mend}")


def is_torch_file(path: Path) -> bool:
    """Whether a file begins as one of torch.save does, of either format, whatever its name."""
    with paths.naming(path), path.open("rb") as file:
        return file.read(2) in (ZIP, PICKLE)


def _content(path: Path) -> bytes:
    with paths.naming(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_BYTES:
            raise NotTensorsError(f"has more than {LARGEST_BYTES >> 20} MiB")
        content = file.read(size + 1)  # a file without an end has no size
    if len(content) != size:
        raise NotTensorsError("is no file of a known size")
    if hashed := HASHED.search(path.name):
        found = hashlib.sha256(content).hexdigest()
        if not found.startswith(hashed[1]):
            raise NotTensorsError(f"is damaged: its sha256 begins with {found[:8]}, and its name says {hashed[1]}")
    return content


def _from_zip(content: bytes) -> tuple[dict[str, Tensor], dict[str, Bytes]]:
    """Tensors by name, and each storage's bytes by key, of PyTorch's zip archive."""
    records = torch_archive.records(content)
    root = next((name[:-8] for name in records if name.endswith("/data.pkl") and name.count("/") == 1), "/")
    known = {name.removeprefix(root): record for name, record in records.items() if name.startswith(root)}
    if "constants.pkl" in known:
        raise NotTensorsError("is a TorchScript archive, a program; save its state_dict() with torch.save")
    if len(known) != len(records) or "data.pkl" not in known or known["data.pkl"].size > LARGEST_PICKLE:
        raise NotTensorsError("is a zip archive, and none of torch.save")

    def read(name: str) -> memoryview:
        return torch_archive.read(content, known[name])

    if "byteorder" in known and bytes(read("byteorder")) != b"little":
        raise NotTensorsError("was saved on a big-endian machine; load it in PyTorch, and save it on another")
    tensors = state_dict(read_pickle(io.BytesIO(read("data.pkl"))))
    keys = {tensor.storage.key for tensor in tensors.values()}
    if known.keys() - BESIDES - {"data.pkl"} != {f"data/{key}" for key in keys}:
        raise NotTensorsError("lacks some of its tensors' storages, or has others besides")
    return tensors, {key: read(f"data/{key}") for key in keys}


def _from_legacy(content: bytes) -> tuple[dict[str, Tensor], dict[str, Bytes]]:
    """The same of the format before: five pickles, then each storage's count and numbers, in the fifth's order."""
    file = io.BytesIO(content[:LARGEST_PICKLE])
    if content[257:262] == b"ustar":
        raise NotTensorsError("is of the format before PyTorch 0.1.10; load it in PyTorch, and save it again")
    if read_pickle(file) != MAGIC or read_pickle(file) != LEGACY:
        raise NotTensorsError("is no file of torch.save")
    if read_pickle(file).get("little_endian") is not True:
        raise NotTensorsError("was saved on a big-endian machine; load it in PyTorch, and save it on another")
    tensors = state_dict(read_pickle(file))
    keys, at = read_pickle(file), file.tell()
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise NotTensorsError("lacks some of its tensors' storages, or has others besides")
    found = {}
    for key in keys:
        count, size = int.from_bytes(content[at : at + COUNT], "little"), _nbytes(storages[key])
        if count != storages[key].count or at + COUNT + size > len(content):
            raise NotTensorsError("ends before its last numbers (truncated), or says otherwise how many there are")
        found[key] = memoryview(content)[at + COUNT : at + COUNT + size]
        at += COUNT + size
    if at != len(content):
        raise NotTensorsError("has bytes after its end")
    return tensors, found


def _arrays(tensors: dict[str, Tensor], storages: dict[str, Bytes]) -> dict[str, np.ndarray]:
    """The tensors as arrays; two that share numbers share them here, too, where they can."""
    known: dict[str, Storage] = {}
    for name, tensor in tensors.items():
        storage = tensor.storage
        if known.setdefault(storage.key, storage) != storage or len(storages[storage.key]) != _nbytes(storage):
            raise NotTensorsError(f"has {name!r} in a storage of another type or length")
    if sum(prod(tensor.size) * _width(tensor.storage) for tensor in tensors.values()) > LARGEST_BYTES:
        raise NotTensorsError(f"unpacks to more than {LARGEST_BYTES >> 20} MiB")
    return {name: _array(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _array(tensor: Tensor, content: Bytes) -> np.ndarray:
    dtype = np.dtype(DTYPES[tensor.storage.kind])
    strides = tuple(step * dtype.itemsize for step in tensor.stride)
    view = np.zeros(tensor.size, dtype)
    if view.size:
        view = np.ndarray(tensor.size, dtype, content, tensor.offset * dtype.itemsize, strides)
    if tensor.storage.kind == BFLOAT16:
        return (view.astype("<u4") << 16).view("<f4")
    return np.require(view, np.bool if tensor.storage.kind == "BoolStorage" else None, ("C", "ALIGNED"))


def _width(storage: Storage) -> int:
    """Bytes of one of its numbers in an array."""
    return np.dtype("f4" if storage.kind == BFLOAT16 else DTYPES[storage.kind]).itemsize


def _nbytes(storage: Storage) -> int:
    """Bytes of its numbers in the file."""
    if storage.kind not in DTYPES:
        raise NotTensorsError(f"holds numbers of the type {storage.kind[:40]}; known are {', '.join(DTYPES)}")
    return storage.count * np.dtype(DTYPES[storage.kind]).itemsize
