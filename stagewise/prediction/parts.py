"""Shards' answers: probabilities of a part of the test videos, each known by the volume and the weights it was made of.

A part is one file, so that a shard that is killed leaves a whole one or none; its numbers come back bit for bit.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np

from stagewise.files import paths
from stagewise.files.locks import owned
from stagewise.files.shards import Shard, files_of_shards
from stagewise.folds import runs
from stagewise.messages.commands import TEST
from stagewise.messages.errors import BusyError, InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.volumes.packed import open_volume

Predict = Callable[[InferencePlan], np.ndarray]  # as `predict_test`
Answers = dict[str, np.ndarray]  # (folds,) probabilities by the video's name


def part_of(stage: str, shard: Shard) -> Path:
    """A shard's file."""
    return shard.file(paths.test_json(stage))


def owning(stage: str, shard: Shard) -> AbstractContextManager[None]:
    """Own a shard's file. Raises BusyError where another process does."""
    return owned(part_of(stage, shard).with_suffix(".lock"), f"shard {shard} of the answers of {stage}")


def write_part(plan: InferencePlan, shard: Shard, predict: Predict) -> Path:
    """Answer the plan's videos, all of them the shard's, and write its part, which the caller owns. Returns: the file.

    Raises what `predict` does.
    """
    volumes = [_sha256(volume) for volume in plan.volumes]  # before, so that a later one is another one
    probabilities = answered_with(plan, {}, predict)
    rows = zip(plan.filenames, volumes, probabilities.tolist(), strict=True)
    content = {name: {"volume": volume, "probabilities": row} for name, volume, row in rows}
    runs.write_json(path := part_of(plan.stage, shard), {"weights": plan.weights_sha256, "answers": content})
    return path


def answered_with(plan: InferencePlan, known: Answers, predict: Predict) -> np.ndarray:
    """Probabilities of the plan's videos, (n, folds): those that are known, and predicted ones of all others."""
    missing = plan.without(known)
    predicted = predict(missing) if len(missing.table) else ()
    found = known | dict(zip(missing.filenames, predicted, strict=True))
    return np.array([found[name] for name in plan.filenames]).reshape(-1, len(plan.folds))


def known_answers(plan: InferencePlan) -> Answers:
    """What the shards' parts answer of the plan's videos, where the volume is still the same.

    Raises InputError naming a part that is damaged, or of other weights.
    """
    known = {}
    volumes = dict(zip(plan.filenames, plan.volumes, strict=True))
    for shard in files_of_shards(paths.test_json(plan.stage)):
        for name, (volume, probabilities) in _read(plan, shard).items():
            if name in volumes and _sha256(volumes[name]) == volume:
                known[name] = probabilities
    return known


def require_none(plan: InferencePlan, why: str) -> None:
    """Raise InputError where there are parts."""
    for path in files_of_shards(paths.test_json(plan.stage)).values():
        raise InputError(f"{paths.shown(path)} is a shard's, which {why}; remove those, or leave out --adaptive")


def remove_parts(stage: str) -> None:
    """Remove the shards' files, once what they hold is in the tables; not one that is written anew meanwhile."""
    for shard, path in files_of_shards(paths.test_json(stage)).items():
        with suppress(BusyError), owning(stage, shard):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def _read(plan: InferencePlan, shard: Shard) -> dict[str, tuple[str, np.ndarray]]:
    """Each video's volume and probabilities, as a part has them."""
    path = part_of(plan.stage, shard)
    mend = f"run: {plan.command(TEST)} --shard {shard}; or remove it, and it is done where the shards are gathered"
    try:
        content = json.loads(paths.read_text(path))
        others = _differing(content["weights"], plan.weights_sha256)
        found = {
            name: (answer["volume"], np.array(answer["probabilities"], np.float64))
            for name, answer in content["answers"].items()
        }
        if not others and any(
            row.shape != (len(plan.folds),) or not np.isfinite(row).all() for _, row in found.values()
        ):
            raise ValueError("not every video has a number of each fold")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    if others:
        raise InputError(f"{paths.shown(path)} was answered by other weights ({others}); {mend}")
    return found


def _differing(there: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What two sets of folds' weights differ in, in words; the order counts, as it does for the mean's last digit."""
    if list(there) != list(wanted):
        return f"of the folds {', '.join(there)}, not {', '.join(wanted)}"
    return ", ".join(f"fold {fold}" for fold in wanted if there[fold] != wanted[fold])


def _sha256(volume: Path) -> str:
    with paths.naming(volume), open_volume(volume) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
