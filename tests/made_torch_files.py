"""PyTorch's weight files made without PyTorch, from opcodes and the standard library, so that they can be wrong."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

PROTOCOL = b"\x80\x02"
KINDS = {"float32": "FloatStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


def text(words: str) -> bytes:
    encoded = words.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def word(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


ORDERED = word("collections", "OrderedDict") + b")R"
REBUILD = word("torch._utils", "_rebuild_tensor_v2")


def storage(
    key: str = "0", count: int = 6, kind: str = "FloatStorage", module: str = "torch", more: bytes = b""
) -> bytes:
    return b"(" + text("storage") + word(module, kind) + text(key) + text("cpu") + number(count) + more + b"tQ"


def tensor(stored: bytes, size: tuple = (2, 3), stride: tuple = (3, 1), offset: int = 0) -> bytes:
    return REBUILD + b"(" + stored + number(offset) + numbers(*size) + numbers(*stride) + b"\x89" + ORDERED + b"tR"


def state(tensors: dict[str, bytes]) -> bytes:
    """The pickle of a state dict."""
    items = b"".join(text(name) + made for name, made in tensors.items())
    return PROTOCOL + ORDERED + b"(" + items + b"u."


def zipped(content: bytes, storages: dict[str, bytes], **records: bytes) -> bytes:
    """The archive around a pickle and storages' bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers)
        for name, record in records.items():
            archive.writestr(f"archive/{name.replace('__', '/')}", record)
    return made.getvalue()


def legacy(content: bytes, storages: dict[str, bytes], width: int = 4, little: bool = True) -> bytes:
    """The format before the archive around them."""
    begin = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": little}]
    parts = [*(pickle.dumps(item, 2) for item in begin), content, pickle.dumps(list(storages), 2)]
    return b"".join(parts) + b"".join(struct.pack("<Q", len(data) // width) + data for data in storages.values())


CONTAINERS = {"zip": zipped, "legacy": legacy}


def write_state(path: Path, arrays: dict[str, np.ndarray], container: str = "zip") -> Path:
    """Save arrays as torch.save saves a state dict."""
    made = {}
    for key, (name, array) in enumerate(arrays.items()):
        stride = tuple(step // array.itemsize for step in array.strides)
        made[name] = tensor(storage(str(key), array.size, KINDS[str(array.dtype)]), array.shape, stride)
    storages = {str(key): array.tobytes() for key, array in enumerate(arrays.values())}
    path.write_bytes(CONTAINERS[container](state(made), storages))
    return path
