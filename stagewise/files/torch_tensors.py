"""What a PyTorch weight file says of its tensors: where each one's numbers lie, and which functions would make it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

MOST_AXES = 8
LONGEST_AXIS = 1 << 31
LONGEST_NAME = 1000  # characters


class NotTensorsError(Exception):
    """The content is not the state dict of a net."""


@dataclass(frozen=True)
class Storage:
    """A row of numbers: PyTorch's name for their type, such as FloatStorage; the key in the file; how many."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage: where it begins, sizes and strides of its axes, in numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def state_dict(found: Any) -> dict[str, Tensor]:
    """What a pickle held, if it is names and tensors alone."""
    if not isinstance(found, dict):
        raise NotTensorsError(f"holds {_kind(found)}, no state dict")
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor):
            raise NotTensorsError(f"holds {_kind(tensor)} under {name!r}; a state dict is names and tensors alone")
    return found


def _ordered(pairs: list | None = None) -> dict[str, Any]:
    """An OrderedDict; Python 2 hands its pairs over as a list, which is emptied, so that it cannot serve twice."""
    made: dict[str, Any] = {}
    taken = pairs if isinstance(pairs, list) else []
    for name, item in taken:
        set_item(made, name, item)
    taken.clear()
    return made


def set_item(made: dict[str, Any], name: Any, item: Any) -> None:
    """Put something under a name into a dict that has none of that name."""
    if not isinstance(name, str):
        raise NotTensorsError(f"has {_kind(name)} for a name")
    if len(name) > LONGEST_NAME:
        raise NotTensorsError(f"has a name of {len(name)} characters")
    if name in made:
        raise NotTensorsError(f"has {name!r} twice")
    made[name] = item


def _tensor(storage: Storage, offset: int, size: tuple, stride: tuple, *flags: object) -> Tensor:
    """A tensor that lies within its storage, and has no more numbers than that."""
    axes = len(size) if isinstance(size, tuple) and isinstance(stride, tuple) else MOST_AXES + 1
    if axes > MOST_AXES or axes != len(stride) or len(flags) > 2 or not isinstance(storage, Storage):
        raise NotTensorsError("has a tensor that is not described as one")
    if not all(map(is_whole, (offset, *size, *stride))):
        raise NotTensorsError("has a tensor whose size, stride or offset is no whole number from 0 up")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if max(size, default=0) > LONGEST_AXIS or prod(size) > storage.count or (prod(size) and last >= storage.count):
        raise NotTensorsError(f"has a tensor that reaches beyond its storage of {storage.count} numbers")
    return Tensor(storage, offset, size, stride)


def _parameter(tensor: Tensor, *flags: object) -> Tensor:
    if not isinstance(tensor, Tensor) or len(flags) > 2:
        raise NotTensorsError("has a parameter that is no tensor")
    return tensor


def is_whole(number: object) -> bool:
    """Whether it is a whole number from 0 up, and no True or False."""
    return type(number) is int and number >= 0


def _kind(thing: object) -> str:
    return f"a value of type {type(thing).__name__}"


CALLS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _ordered,
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    "torch.nn.parameter Parameter": _parameter,  # before PyTorch 0.4
}
