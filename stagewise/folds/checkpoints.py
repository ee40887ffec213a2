"""The state of a training between two epochs, in one file: enough to go on as if it had never stopped.

The best weights so far are in it too, so no other file has to agree with it. The state before the last one is
kept: a state that was torn or changed on the disk costs one epoch, which is trained again.
"""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stagewise.console.run_log import say
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.errors import InputError

DIGEST_BYTES = hashlib.sha256().digest_size  # at the end of the file; numpy's reader passes over them


@dataclass
class Progress:
    """How far a training has come.

    history: a row an epoch, its number and scores; callbacks: what each remembers, by the name of its class; stopped:
    whether one of them has ended the training; best_weights: of `model.get_weights`, empty before the first epoch.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopped: bool = False
    best_weights: list[np.ndarray] = field(default_factory=list)


class DamagedStateError(Exception):
    """A state file that is not what was written."""


def _variables(model: keras.Model) -> dict[str, Any]:
    """Weights, BatchNorm statistics and dropout's random state; the optimizer's moments, counters and rate."""
    named = {f"model_{number:04d}": variable for number, variable in enumerate(model.variables)}
    named |= {f"optimizer_{number:04d}": variable for number, variable in enumerate(model.optimizer.variables)}
    return named


def save_state(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Write everything that the next epoch depends on; the state that was there becomes the previous one.

    What is no array is kept as JSON, whose floats come back bit for bit.
    """
    plain = {"history": progress.history, "callbacks": progress.callbacks, "stopped": progress.stopped}
    arrays = {name: keras.ops.convert_to_numpy(v) for name, v in _variables(model).items()}
    arrays |= {f"best_{number:04d}": array for number, array in enumerate(progress.best_weights)}
    state = folder / runs.RESUME_STATE
    with paths.replacing(state) as temporary:
        with temporary.open("wb+") as file:
            np.savez(file, progress=np.array(json.dumps(plain)), **arrays)
            file.seek(0)
            file.write(hashlib.file_digest(file, "sha256").digest())
        if state.exists():
            state.replace(folder / runs.PREVIOUS_STATE)


def load_state(folder: Path, model: keras.Model, command: str) -> Progress:
    """Put a compiled model into the state that was saved last, or the one before where that one is damaged.

    command: how to train this fold, for the message. Returns: the progress that was saved; where there is none, that of
    a training which starts, and the model is then as it was. Raises InputError where all that is there is damaged (its
    checksum differs), or belongs to another network; OSError where the disk does not give it.
    """
    damages = []
    for path in (folder / runs.RESUME_STATE, folder / runs.PREVIOUS_STATE):
        try:
            arrays = _read(path)
        except FileNotFoundError:
            continue
        except DamagedStateError as damage:
            damages.append(f"{paths.shown(path)} is damaged ({damage})")
            continue
        progress = _restore(arrays, model, path, command)
        if damages:
            say(f"{damages[0]}; going on from the previous state")
        say(f"{paths.shown(folder)}: going on after epoch {len(progress.history)}")
        return progress
    if damages:
        raise InputError(f"{'; '.join(damages)}; to start over, run: {command} --force")
    return Progress()


def remove_states(folder: Path) -> None:
    """Remove what only an unfinished run needs."""
    for name in (runs.RESUME_STATE, runs.PREVIOUS_STATE):
        (folder / name).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, np.ndarray]:
    with paths.naming(path):
        content = path.read_bytes()
    if hashlib.sha256(memoryview(content)[:-DIGEST_BYTES]).digest() != content[-DIGEST_BYTES:]:
        raise DamagedStateError("its checksum differs")
    with np.load(io.BytesIO(content), allow_pickle=False) as state:
        return {name: state[name] for name in state.files}


def _restore(arrays: dict[str, np.ndarray], model: keras.Model, path: Path, command: str) -> Progress:
    variables = _variables(model)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    found = {name: array.shape for name, array in arrays.items() if name.startswith(("model_", "optimizer_"))}
    if shapes != found:
        raise InputError(f"{paths.shown(path)} belongs to another network; run: {command} --force")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    best_weights = [arrays[name] for name in sorted(arrays) if name.startswith("best_")]
    return Progress(**json.loads(arrays["progress"].item()), best_weights=best_weights)
