"""The pickle inside a PyTorch weight file, read as plain data.

A pickle is a program. This is a machine for the handful of its operations that names, numbers and tensors need, in
which nothing can be called: the functions that a state dict names are words here, each with a reading of its own, and
any other word is refused. A tensor is where its numbers lie; the numbers themselves stand elsewhere in the file.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from stagewise.files.torch_tensors import CALLS, LONGEST_NAME, NotTensorsError, Storage, Tensor, is_whole, set_item

MOST_OPCODES = 200_000  # ResNet101's 626 tensors take 25,000
PROTOCOLS = range(2, 6)  # of pickle; PyTorch writes 2


@dataclass(frozen=True)
class _Word:
    """A global that a pickle names."""

    name: str


def read_pickle(file: BinaryIO) -> Any:
    """Read one pickle, and leave the file behind its end.

    Returns: None, numbers, text, tuples, lists, dicts, Storage, Tensor. Raises NotTensorsError for any pickle that
    holds more, and whatever the reading of a damaged one raises.
    """
    machine = _Machine()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count >= MOST_OPCODES:
            raise NotTensorsError("has more to it than any state dict")
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    return machine.result()


class _Machine:
    """A stack, the stacks below its marks, and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in PUSHED:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in EMPTY:
            self.stack.append(EMPTY[name]())
        elif name in TUPLES:
            items = [self.stack.pop() for _ in range(TUPLES[name])]
            self.stack.append(tuple(reversed(items)))
        elif name in OPERATIONS:
            OPERATIONS[name](self, argument)
        else:
            raise NotTensorsError(f"is a pickle that does {name}, which no state dict needs")

    def result(self) -> Any:
        if len(self.stack) != 1 or self.below:
            raise NotTensorsError("is a pickle that does not end with one object")
        return self.stack[0]

    def protocol(self, number: int) -> None:
        if number not in PROTOCOLS:
            raise NotTensorsError(f"is a pickle of protocol {number}")

    def mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def put(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def make_tuple(self, _: None) -> None:
        items = tuple(self.since_mark())
        self.stack.append(items)

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise NotTensorsError("is a pickle that appends to something other than a list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise NotTensorsError("is a pickle that sets items of something other than a dict")
        for name, item in zip(items[::2], items[1::2], strict=True):
            set_item(self.stack[-1], name, item)

    def word(self, name: str) -> None:
        """A global, as "module name"."""
        name = name.replace("torch.cuda ", "torch ")  # where the tensors lay is no matter
        if name not in CALLS and not (name.startswith("torch ") and name.endswith("Storage")):
            raise NotTensorsError(
                f"names {name.replace(' ', '.')[:80]!r}, which no state dict needs; save state_dict() alone"
            )
        self.stack.append(_Word(name))

    def stack_word(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.word(f"{module} {name}" if isinstance(module, str) and isinstance(name, str) else "")

    def reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Word) or function.name not in CALLS or not isinstance(arguments, tuple):
            raise NotTensorsError("is a pickle that calls what is no function")
        self.stack.append(CALLS[function.name](*arguments))

    def build(self, _: None) -> None:
        """A state dict's `_metadata`, versions of its layers, or an old Parameter's flags: of no use here."""
        state = self.stack.pop()
        metadata = isinstance(self.stack[-1], dict) and isinstance(state, dict) and set(state) == {"_metadata"}
        if not metadata and not (isinstance(self.stack[-1], Tensor) and isinstance(state, tuple)):
            raise NotTensorsError("is a pickle that changes an object")

    def persistent(self, _: None) -> None:
        """A storage: its kind, key, device and count; a seventh entry would make it a part of another one."""
        tag, word, key, _device, count, *rest = self.stack.pop()
        if tag != "storage" or not isinstance(word, _Word) or not isinstance(key, str) or rest not in ([], [None]):
            raise NotTensorsError("refers to something other than a whole storage")
        if not is_whole(count) or len(key) > LONGEST_NAME:
            raise NotTensorsError("has a storage that is not described as one")
        self.stack.append(Storage(word.name.removeprefix("torch "), key, count))


PUSHED = frozenset(
    "BININT BININT1 BININT2 LONG1 BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING".split()  # noqa: SIM905
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.protocol,
    "FRAME": lambda machine, size: None,
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.make_tuple,
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop() for _ in range(2)][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "GLOBAL": _Machine.word,
    "STACK_GLOBAL": _Machine.stack_word,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
