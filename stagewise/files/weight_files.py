"""Weights from a file, into a net of our own: numbers alone, and exactly as many as the net has places for.

Keras reads an HDF5 file's arrays before it compares their shapes, so a file of a few bytes that claims 3 GiB takes
3 GiB. Here the file's table of contents is compared with the net first.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

import h5py
import keras

from stagewise.files import paths
from stagewise.messages.errors import InputError

MOST_OBJECTS = 10_000  # groups and arrays; DenseNet121's file has about 1,200
RANDOM_STATE = (2,)  # whole numbers of this shape are dropout's random state, which every backend keeps in its own type


def load_weights(model: keras.Model, path: Path, mend: str) -> None:
    """Fill a net with the weights of a `.weights.h5` or an `.h5` file; what else the latter holds is never read.

    Raises InputError, with `mend` at the end of its message, unless the file's arrays are the net's in shape and type,
    all of them in the file itself. Nothing in the file is run, and no array is read before its shape is known to fit.
    Raises OSError where the disk does not give the file.
    """
    path = Path(path)
    try:
        found = Counter(_arrays(path))
        variables = ((tuple(variable.shape), str(variable.dtype)) for variable in model.variables)
        wanted = Counter((shape, dtype) for shape, dtype in variables if shape != RANDOM_STATE or "int" not in dtype)
        for (shape, dtype), count in [*(found - wanted).items(), *(wanted - found).items()]:
            words = "more" if found[shape, dtype] > wanted[shape, dtype] else "fewer"
            raise ValueError(f"{count} {words} {dtype} arrays of shape {shape} than the net has")
        model.load_weights(path)
    except FileNotFoundError:
        raise InputError(f"no weights {paths.shown(path)}; {mend}") from None
    except Exception as error:  # h5py raises anything for a damaged file
        number = getattr(error, "errno", None) or ("file read failed" in str(error) and errno.EIO)  # or in words alone
        if number:  # the disk's fault, not the content's
            raise OSError(number, os.strerror(number), str(path)) from error
        raise InputError(f"{paths.shown(path)} does not hold the weights of {model.name}: {error}; {mend}") from error


def _arrays(path: Path) -> Iterator[tuple[tuple[int, ...], str]]:
    """Shape and type of every array of numbers in the file, dropout's random state aside."""
    with h5py.File(path, "r") as file:
        groups, objects = [file], 0
        while groups:
            group = groups.pop()
            for name in group:
                objects += 1
                if objects > MOST_OBJECTS:  # or a group that holds itself
                    raise ValueError(f"more than {MOST_OBJECTS} groups and arrays")
                entry = _own(group, name)
                if isinstance(entry, h5py.Group):
                    groups.append(entry)
                elif entry.shape != RANDOM_STATE or entry.dtype.kind not in "iu":
                    yield entry.shape, str(entry.dtype)


def _own(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """What lies under a name, if it lies in this file as plain numbers; ValueError otherwise."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name!r} leads elsewhere ({type(link).__name__})")
    entry = group[name]
    if isinstance(entry, h5py.Group):
        return entry
    if not isinstance(entry, h5py.Dataset) or entry.dtype.kind not in "fiu" or entry.shape is None:
        raise ValueError(f"{name!r} is no array of numbers")
    if entry.external or entry.is_virtual:
        raise ValueError(f"{name!r} takes its numbers from another file")
    if entry.chunks and prod(entry.chunks) > prod(entry.shape):
        raise ValueError(f"{name!r} of shape {entry.shape} unpacks to pieces of {entry.chunks}")
    return entry
