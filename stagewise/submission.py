"""The answers: probabilities a fold, their mean, 0/1 in the competition's format and order, and how they were made."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise import paths, runs
from stagewise.errors import InputError
from stagewise.score import is_stalled


@dataclass(frozen=True)
class AnswerSettings:
    """How test videos were answered.

    threshold: above it is stalled; weights: the sha256 of each fold's, by its number; adaptive: of an adaptive ensemble
    its prevalence, bound and seed, else None.
    """

    threshold: float
    weights: dict[str, str]
    adaptive: dict[str, float] | None = None


def write_submission(
    stage: str,
    filenames: pd.Series,
    probabilities: np.ndarray,
    settings: AnswerSettings,
    passes: np.ndarray | None = None,
) -> list[Path]:
    """Write the detailed table, the means and `submission.csv`, rows as given, and the settings that made them.

    probabilities: (n, folds), each 0-1, a column for each of the settings' weights; a video is stalled (1) if their
    mean is above the threshold.
    passes: (n,) forward passes behind each row, of an adaptive ensemble; a fold that was not asked is NaN then.
    Returns: the four paths. Raises ValueError where a probability is missing or not finite.
    """
    known = np.isfinite(probabilities)
    enough = known.all() if passes is None else known.any(axis=1).all()
    if probabilities.shape != (len(filenames), len(settings.weights)) or not enough:
        raise ValueError(f"every video needs a finite probability of each fold, not {probabilities.shape}")
    paths.remove_leftovers(paths.submission_folder())
    mean = np.nanmean(probabilities, axis=1)
    columns = {f"fold_{fold}": probabilities[:, number] for number, fold in enumerate(settings.weights)}
    if passes is not None:
        columns["passes"] = passes
    written = {
        paths.test_detailed_csv(stage): {"filename": filenames, **columns, "probability": mean},
        paths.test_csv(stage): {"filename": filenames, "probability": mean},
        paths.submission_csv(): {"filename": filenames, "stalled": is_stalled(mean, settings.threshold).astype(int)},
    }
    for path, table in written.items():
        with paths.replacing(path) as temporary:
            pd.DataFrame(table).to_csv(temporary, index=False)
    made = {"tables": {path.name: paths.sha256_of(path) for path in written}}
    runs.write_json(paths.test_json(stage), asdict(settings) | made)
    return [*written, paths.test_json(stage)]


def read_settings(stage: str, mend: str) -> AnswerSettings | None:
    """How the answers that are there were made; None where r42 has not answered, or a table of it is gone.

    mend: ends every message. Raises InputError where a table is not the one that r42 wrote.
    """
    path = paths.test_json(stage)
    if not path.exists():
        return None
    try:
        content = json.loads(paths.read_text(path))
        tables = content.pop("tables")
        settings = AnswerSettings(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    for name, sha256 in tables.items():
        table = paths.submission_folder() / name
        if not table.exists():
            return None
        if paths.sha256_of(table) != sha256:
            raise InputError(f"{paths.shown(table)} is not as r42 wrote it; {mend}")
    return settings
