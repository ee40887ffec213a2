"""The state of a training between two epochs, in one file: enough to go on as if it had never stopped."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stagewise import paths
from stagewise.errors import InputError


def _variables(model: keras.Model) -> dict[str, Any]:
    """Weights, BatchNorm statistics and dropout's random state; the optimizer's moments, counters and rate."""
    named = {f"model_{number:04d}": variable for number, variable in enumerate(model.variables)}
    named |= {f"optimizer_{number:04d}": variable for number, variable in enumerate(model.optimizer.variables)}
    return named


def save_state(path: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Write everything that the next epoch depends on.

    progress: plain values, kept as JSON beside the arrays, whose floats come back bit for bit.
    """
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _variables(model).items()}
    with paths.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(progress)), **arrays)


def load_state(path: Path, model: keras.Model, command: str) -> dict[str, Any]:
    """Put a compiled model into the state of `save_state`. Returns the progress.

    command: how to train this fold, for the message. Raises InputError where the file is damaged (each
    array has a checksum) or belongs to another network; the model is then as it was.
    """
    variables = _variables(model)
    try:
        with np.load(path, allow_pickle=False) as state:
            arrays = {name: state[name] for name in state.files}
        progress = json.loads(arrays.pop("progress").item())
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error}); run: {command} --force") from error
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise InputError(f"{paths.shown(path)} belongs to another network; run: {command} --force")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress
