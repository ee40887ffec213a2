"""Loading weights, with the disk's faults told from the file's."""

import errno
import os
from pathlib import Path

import keras


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a .weights.h5 into a model of its layers.

    Raises: OSError naming the file where the disk does not give it; ValueError, KeyError, or OSError without errno
    where its content does not fit.
    """
    try:
        model.load_weights(path)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        if "file read failed" in str(error):  # HDF5 says so in words, in errors of several types
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path)) from error
        raise
