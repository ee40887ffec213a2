"""Many arrays as few: those of one dtype end to end in a long one."""

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

Packed = tuple[list, dict[str, Any]]  # arrays that stay by themselves; long ones, by dtype
Join = Callable[[list], Any]  # of arrays of one dtype to a long one


class Packing:
    """How a list of variables is packed; single numbers stay by themselves, so that each can be set."""

    def __init__(self, variables: Sequence["keras.Variable"], apart: bool) -> None:
        """apart: whether all arrays stay by themselves."""
        self.shapes = [tuple(variable.shape) for variable in variables]
        self.apart = [index for index, shape in enumerate(self.shapes) if apart or not shape]
        self.parts: dict[str, list[int]] = {}  # of each long array, in their order
        for index in sorted(set(range(len(variables))) - set(self.apart)):
            self.parts.setdefault(variables[index].dtype, []).append(index)

    def packed(self, arrays: Sequence[Any], join: Join) -> Packed:
        """Arrays of the variables' shapes as few."""
        long = {dtype: join([arrays[index] for index in indices]) for dtype, indices in self.parts.items()}
        return [arrays[index] for index in self.apart], long

    def unpacked(self, packed: Packed) -> list:
        """The arrays again; of NumPy they are views into the long ones."""
        apart, long = packed
        arrays = dict(zip(self.apart, apart, strict=True))
        for dtype, indices in self.parts.items():
            start = 0
            for index in indices:
                stop = start + prod(self.shapes[index])
                arrays[index] = long[dtype][start:stop].reshape(self.shapes[index])
                start = stop
        return [arrays[index] for index in range(len(self.shapes))]
