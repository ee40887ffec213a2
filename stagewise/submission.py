"""The answers: probabilities a fold, their mean, and 0/1 in the competition's format and order."""

from pathlib import Path

import numpy as np
import pandas as pd

from stagewise import paths
from stagewise.score import is_stalled


def write_submission(
    stage: str,
    filenames: pd.Series,
    folds: list[int],
    probabilities: np.ndarray,
    threshold: float,
    passes: np.ndarray | None = None,
) -> list[Path]:
    """Write the detailed table, the means and `submission.csv`, rows as given.

    probabilities: (n, folds), each 0-1; a video is stalled (1) if their mean is above the threshold.
    passes: (n,) forward passes behind each row, of an adaptive ensemble; a fold that was not asked is NaN then.
    Returns: the three paths. Raises ValueError where a probability is missing or not finite.
    """
    known = np.isfinite(probabilities)
    enough = known.all() if passes is None else known.any(axis=1).all()
    if probabilities.shape != (len(filenames), len(folds)) or not enough:
        raise ValueError(f"every video needs a finite probability of each fold, not {probabilities.shape}")
    paths.remove_leftovers(paths.submission_folder())
    mean = np.nanmean(probabilities, axis=1)
    columns = {f"fold_{fold}": probabilities[:, number] for number, fold in enumerate(folds)}
    if passes is not None:
        columns["passes"] = passes
    tables = {
        f"{stage}_test_detailed.csv": {"filename": filenames, **columns, "probability": mean},
        f"{stage}_test.csv": {"filename": filenames, "probability": mean},
        "submission.csv": {"filename": filenames, "stalled": is_stalled(mean, threshold).astype(int)},
    }
    return [_write(paths.submission_folder() / name, pd.DataFrame(table)) for name, table in tables.items()]


def _write(path: Path, table: pd.DataFrame) -> Path:
    with paths.replacing(path) as temporary:
        table.to_csv(temporary, index=False)
    return path
