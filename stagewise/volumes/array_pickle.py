"""The pickle of one uint8 array, written and read as plain data.

A pickle is a program. The reader checks its operations before any of them runs, and then runs it on
stand-ins that hold no power: no numpy function is called, and no array is made before its size was compared
with the bytes that are really there.
"""

import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable

import numpy as np

MOST_OPCODES = 200  # a pickled array has about 60 in any protocol
MOST_CALLS = 6  # protocol 0: _reconstruct, dtype, twice _codecs.encode, and the states of dtype and array

# What pickle protocols 0-5 use for an array; none of them makes objects or imports in another way.
OPCODES = frozenset(
    """PROTO FRAME STOP MARK POP_MARK GLOBAL STACK_GLOBAL REDUCE BUILD
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1
    UNICODE SHORT_BINUNICODE BINUNICODE SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3""".split()  # noqa: SIM905, 40 quoted words read worse
)


class NotAnArrayError(Exception):
    """The content is not the pickle of one volume."""


def is_volume_shape(shape: object) -> bool:
    """Whether `shape` is (T, h, w, 3) of whole numbers, each at least 1."""
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        return False
    return all(type(size) is int and size >= 1 for size in shape)


def pickle_around(shape: tuple[int, int, int, int]) -> tuple[bytes, bytes]:
    """The bytes of a protocol 4 pickle of a uint8 array in C order, before and after its pixels.

    Written out because numpy 2 names its own reader `numpy._core`, which the numpy of the original's time
    does not have; the name used here loads in both, and the bytes do not change with numpy's version.
    """
    before = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"  # empty array
    before += b"(K\x01(" + b"".join(b"J" + struct.pack("<i", size) for size in shape) + b"t"  # version, shape
    before += b"cnumpy\ndtype\n\x8c\x02u1\x89\x88\x87R(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    before += b"\x89\x8e" + struct.pack("<Q", math.prod(shape))  # C order, then how many pixels follow
    return before, b"tb."


def array_from_pickle(content: bytes | bytearray) -> np.ndarray:
    """The volume in a pickle of any protocol, by any numpy.

    Returns: (T, h, w, 3) uint8, C order, writable. Raises NotAnArrayError, or what the unpickler raises, for
    anything else.
    """
    _check_opcodes(content)
    array = _ArrayUnpickler(io.BytesIO(content)).load()
    if not isinstance(array, _Array) or array.view is None:
        raise NotAnArrayError("is a pickle of something other than an array")
    return np.array(array.view, order="C")


def _check_opcodes(content: bytes | bytearray) -> None:
    stop, calls = -1, 0
    for count, (opcode, argument, position) in enumerate(pickletools.genops(io.BytesIO(content))):
        if opcode.name not in OPCODES:
            raise NotAnArrayError(f"is a pickle that does {opcode.name}, which no array needs")
        calls += opcode.name in ("REDUCE", "BUILD")
        # a large memo index would allocate a table of that length
        if count >= MOST_OPCODES or calls > MOST_CALLS or ("PUT" in opcode.name and int(argument) >= MOST_OPCODES):
            raise NotAnArrayError("is a pickle of more than one array")
        stop = position
    if stop + 1 != len(content):
        raise NotAnArrayError("has bytes after its pickle")


class _Dtype:
    """Stands in for numpy.dtype: keeps the name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Takes byte order and alignment, which one byte does not have."""


class _Array:
    """Stands in for numpy.ndarray: takes the state that numpy pickles, and becomes a volume or an error."""

    __slots__ = ("view",)

    def __init__(self) -> None:
        self.view: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, pixels = state
        if not isinstance(dtype, _Dtype) or dtype.name != "u1":
            raise NotAnArrayError(f"holds {getattr(dtype, 'name', dtype)} values; a volume is uint8 (u1)")
        if not is_volume_shape(shape):
            raise NotAnArrayError(f"holds an array of shape {shape}; a volume is (T, h, w, 3)")
        if not isinstance(pixels, bytes | bytearray) or len(pixels) != math.prod(shape):
            raise NotAnArrayError(f"does not hold the pixels of its shape {shape}")
        self.view = np.frombuffer(pixels, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Call:
    """A function that a pickle may call; it has no `__dict__` that a pickle could change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)


def _from_buffer(pixels: bytes, dtype: _Dtype, shape: tuple, order: str, *rest: object) -> _Array:
    """Protocol 5's way to an array."""
    if order not in ("C", "F"):
        raise NotAnArrayError(f"holds an array in memory order {order}; a volume is in C order")
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", pixels))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Protocols 0-2 write bytes as text."""
    if encoding != "latin1":
        raise NotAnArrayError(f"encodes text as {encoding!r}, which no array needs")
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    """Finds the handful of names in a pickled array, numpy 1's and numpy 2's, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        stand_ins = {
            ("numpy", "ndarray"): object(),  # only an argument of _reconstruct; it cannot be called
            ("numpy", "dtype"): _Call(lambda name, *rest: _Dtype(name)),
            ("numpy.core.multiarray", "_reconstruct"): _Call(lambda *arguments: _Array()),
            ("numpy.core.numeric", "_frombuffer"): _Call(_from_buffer),
            ("_codecs", "encode"): _Call(_encode),
        }
        found = stand_ins.get((module.replace("numpy._core", "numpy.core"), name))
        if found is None:
            raise NotAnArrayError(f"is a pickle that calls {module}.{name}, which no array needs")
        return found
