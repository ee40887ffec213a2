"""The folder of one fold's run: who owns it, what it was made from, and whether it is finished."""

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stagewise import paths
from stagewise.errors import InputError
from stagewise.recipes.config import Net

BEST_WEIGHTS = "best.weights.h5"
RESUME_STATE = "resume_state.npz"
PREVIOUS_STATE = "previous_state.npz"
HISTORY = "history.csv"
CURVES = "curves.png"
EVENTS = "events"
CONFIG = "config.json"
LOG = "train.log"
LOCK = ".lock"
MADE_FROM = ("recipe", "fold", "seed", "split", "start")  # a run goes on only where all of these are the same


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain values as indented JSON, in one piece or not at all."""
    with paths.replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def train_command(stage: str, fold: int) -> str:
    """The command that trains one fold of a stage, as messages show it."""
    return f"python {stage}/r31_train.py --fold {fold}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on; absent ones are left out."""
    found = {"python": platform.python_version()}
    for package in ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless", "scikit-learn"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def clear(folder: Path) -> None:
    """Remove what a run wrote, all but the lock."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def read_config(stage: str, fold: int) -> dict[str, Any]:
    """What the run of one fold was made from. Raises InputError where there is no such run."""
    path = paths.fold_folder(stage, fold) / CONFIG
    try:
        return json.loads(paths.read_text(path))
    except FileNotFoundError:
        raise InputError(
            f"no trained fold {fold} of {stage} in {paths.shown(path.parent)}; run: {train_command(stage, fold)}"
        ) from None
    except ValueError as error:
        raise InputError(
            f"{paths.shown(path)} is damaged ({error}); run: {train_command(stage, fold)} --force"
        ) from None


def finished_config(stage: str, fold: int, split_sha256: str) -> dict[str, Any]:
    """The config of a fold whose training has ended, on the split asked for; InputError otherwise."""
    config = read_config(stage, fold)
    folder, command = paths.shown(paths.fold_folder(stage, fold)), train_command(stage, fold)
    if not config["finished"]:
        raise InputError(f"the training of {folder} has not finished; go on with: {command}")
    if config["split"]["sha256"] != split_sha256:
        raise InputError(
            f"{folder} was trained on another split ({config['split']['file']}, sha256 "
            f"{config['split']['sha256'][:12]}, not {split_sha256[:12]}), so its validation clips may be your "
            f"training clips; give that file with --split, or run: {command} --split YOUR.csv --force"
        )
    return config


def best_weights(stage: str, fold: int, config: dict[str, Any]) -> Path:
    """The best epoch's weights, checked against the hash that the finished run wrote down."""
    path = paths.fold_folder(stage, fold) / BEST_WEIGHTS
    if not path.exists():
        raise InputError(f"no weights {paths.shown(path)}; run: {train_command(stage, fold)} --force")
    if paths.sha256_of(path) != config["best"]["sha256"]:
        raise InputError(
            f"{paths.shown(path)} is not the file that its training wrote (its sha256 differs from config.json); "
            f"restore it, or run: {train_command(stage, fold)} --force"
        )
    return path


def net_of(config: dict[str, Any]) -> Net:
    """The network that a run trained."""
    net = config["recipe"]["net"]
    return Net(**{name: tuple(value) if isinstance(value, list) else value for name, value in net.items()})


def require_same(folder: Path, before: dict[str, Any], now: dict[str, Any], command: str) -> None:
    """Raise InputError naming what changed, unless a started run was made from what is asked for now."""
    changed = [f"{name}: {json.dumps(old)} is now {json.dumps(new)}" for name, old, new in _changes(before, now)]
    if changed:
        raise InputError(
            f"{paths.shown(folder)} holds a run made from something else ({'; '.join(changed)}); "
            f"to go on, undo the change; to start anew, run: {command} --force"
        )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    now = json.loads(json.dumps(now))  # tuples become lists, as in the file
    for name in MADE_FROM:
        old, new = before.get(name), now[name]
        if isinstance(new, dict) and isinstance(old, dict):
            keys = [key for key in new.keys() | old.keys() if old.get(key) != new.get(key) and key != "file"]
            yield from ((f"{name}.{key}", old.get(key), new.get(key)) for key in sorted(keys))
        elif old != new:
            yield name, old, new
