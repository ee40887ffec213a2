"""The folder of one fold's run: who owns it, what it was made from, and whether it is finished."""

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stagewise.files import paths, xray_paths
from stagewise.folds.formats import upgraded
from stagewise.messages.commands import fold_options, training_words
from stagewise.messages.errors import InputError

BEST_WEIGHTS = "best.weights.h5"
SNAPSHOTS = "snapshot_*.weights.h5"  # of epochs, by their numbers
RESUME_STATE = "resume_state.npz"
PREVIOUS_STATE = "previous_state.npz"
HISTORY = "history.csv"
CURVES = "curves.png"
EVENTS = "events"
CONFIG = "config.json"
LOG = "train.log"
LOCK = ".lock"
MADE_FROM = ("recipe", "fold", "seed", "split", "start")  # a run goes on only where all of these are the same
LONGEST_SHOWN = 80  # characters of a value in a message; an augmentation has 546


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain values as indented JSON, in one piece or not at all."""
    with paths.replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def train_command(stage: str, folds: Sequence[int], config: dict[str, Any] | None = None) -> str:
    """The command that trains folds of a stage as the run of this config was, or is to be, trained.

    It has the options that the config knows. Without a start it is for weights as the stage has them.
    """
    known = config or {}
    words = ["python", *training_words(stage), *fold_options(folds)]
    words += split_option(known["split"]["file"]) if "split" in known else []
    words += ["--seed", str(known["seed"])] if "seed" in known else []
    preset = known["recipe"]["preset"] if "recipe" in known else "full"
    words += ["--preset", preset] * (preset != "full")
    words += ["--init", "random"] * (known.get("start", {}).get("from") == "random")
    return shlex.join(words)


def split_option(file: str) -> list[str]:
    """The words that name a split, where it is not the recipe's own. file: as a config has it, seen from the root."""
    return [] if paths.root() / file in (paths.split_csv(), xray_paths.split_csv()) else ["--split", file]


def clear(folder: Path) -> None:
    """Remove what a run wrote, all but the lock."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def read_config(stage: str, fold: int, alike: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the run of one fold was made from. Raises InputError where there is no such run.

    alike: a config, or what is known of it, whose options the run should be trained with; else another fold's.
    """
    path = paths.fold_folder(stage, fold) / CONFIG
    try:
        return upgraded(json.loads(paths.read_text(path)), paths.shown(path))
    except FileNotFoundError:
        begun, folder = begun_folds(stage), paths.shown(path.parent)
        known = (read_config(stage, begun[0]) if begun else {}) | (alike or {})
        others = f"; or ask for those that are there: {' '.join(fold_options(begun))}" if begun else ""
        command = train_command(stage, [fold], known)
        raise InputError(f"no trained fold {fold} of {stage} in {folder}; run: {command}{others}") from None
    except ValueError as error:
        raise InputError(
            f"{paths.shown(path)} is damaged ({error}); run: {train_command(stage, [fold])} --force, with the options "
            f"that its {LOG} names"
        ) from None


def begun_folds(stage: str) -> list[int]:
    """The folds that have a run, ascending, whether it has ended or not."""
    configs = (paths.models_folder() / stage).glob(f"fold_*/{CONFIG}")
    names = (path.parent.name.removeprefix("fold_") for path in configs)
    return sorted(int(name) for name in names if name.isdecimal())


def finished_config(stage: str, fold: int, split_sha256: str, alike: dict[str, Any] | None = None) -> dict[str, Any]:
    """The config of a fold whose training has ended, on the split asked for; InputError otherwise. alike: see above."""
    config = read_config(stage, fold, alike)
    folder = paths.shown(paths.fold_folder(stage, fold))
    if not config["finished"]:
        command = train_command(stage, [fold], config)
        raise InputError(f"the training of {folder} has not finished; go on with: {command}")
    if config["split"]["sha256"] != split_sha256:
        command = train_command(stage, [fold], {**config, "split": {"file": "YOUR.csv"}})
        raise InputError(
            f"{folder} was trained on another split ({config['split']['file']}, sha256 "
            f"{config['split']['sha256'][:12]}, not {split_sha256[:12]}); "
            f"give that one with --split, or run: {command} --force"
        )
    return config


def snapshot_weights(epoch: int) -> str:
    """The name of the file that holds an epoch's weights, by its number from 1."""
    return SNAPSHOTS.replace("*", f"{epoch:04d}")


def kept_sha256(stage: str, fold: int, config: dict[str, Any], epoch: int | None) -> str:
    """The hash of weights that a finished run kept; epoch: the number of a snapshot's, None for the best one.

    Raises InputError where it kept no such snapshot.
    """
    kept = config["best"] if epoch is None else config.get("snapshots", {}).get(str(epoch))
    if kept is None:
        raise InputError(
            f"{paths.shown(paths.fold_folder(stage, fold))} keeps no snapshot of epoch {epoch}; "
            f"run: {train_command(stage, [fold], config)} --force"
        )
    return kept["sha256"]


def kept_weights(stage: str, fold: int, config: dict[str, Any], epoch: int | None = None) -> Path:
    """Weights that were kept, as for `kept_sha256`, checked against the hash that the finished run wrote down."""
    sha256, command = kept_sha256(stage, fold, config, epoch), train_command(stage, [fold], config)
    path = paths.fold_folder(stage, fold) / (BEST_WEIGHTS if epoch is None else snapshot_weights(epoch))
    if not path.exists():
        raise InputError(f"no weights {paths.shown(path)}; run: {command} --force")
    if paths.sha256_of(path) != sha256:
        raise InputError(
            f"{paths.shown(path)} is not the file that its training wrote (its sha256 differs from config.json); "
            f"restore it, or run: {command} --force"
        )
    return path


def require_same_net(
    stage: str, fold: int, config: dict[str, Any], alike: dict[str, Any], any_size: bool = False
) -> None:
    """Raise InputError unless a fold's weights are of the net of another stage's run, `alike`, which needs them.

    any_size: whether its input may be of another size.
    """
    nets = [json.loads(json.dumps(of["recipe"]["net"])) for of in (config, alike)]  # tuples become lists
    if any_size:
        nets = [{**net, "input_shape": None} for net in nets]
    if nets[0] != nets[1]:
        command = train_command(stage, [fold], {**config, "recipe": alike["recipe"]})
        raise InputError(
            f"{paths.shown(paths.fold_folder(stage, fold))} was trained with another net; train both "
            f"stages with the same --preset: {command} --force"
        )


def require_weights(made: str, weights: dict[str, str], present: dict[str, str], mend: str) -> None:
    """Raise InputError naming the first fold whose present weights are not those that something was made with.

    made: how the message begins, such as "x.csv was not answered"; weights, present: sha256 by fold.
    """
    for fold, sha256 in present.items():
        if weights.get(fold) != sha256:
            raise InputError(f"{made} with the present weights of fold {fold}; {mend}")


def require_same(folder: Path, before: dict[str, Any], now: dict[str, Any], command: str) -> None:
    """Raise InputError naming what changed, unless a started run was made from what is asked for now."""
    now = json.loads(json.dumps(now))  # tuples become lists, as in the file
    changed = [change for name in MADE_FROM for change in _changes(name, before.get(name), now[name])]
    if changed:
        raise InputError(
            f"{paths.shown(folder)} holds a run made from something else ({'; '.join(changed)}); "
            f"to go on, undo the change; to start over, run: {command} --force"
        )


def _changes(name: str, old: Any, new: Any) -> Iterator[str]:
    """How a value differs, a line for each value inside; a file may have moved, for its hash tells it."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted((old.keys() | new.keys()) - {"file"}):
            yield from _changes(f"{name}.{key}", old.get(key), new.get(key))
    elif old != new:
        shown = [json.dumps(value) for value in (old, new)]
        short = max(map(len, shown)) <= LONGEST_SHOWN
        yield f"{name}: {shown[0]} is now {shown[1]}" if short else f"{name} has changed"
