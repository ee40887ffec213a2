"""The out-of-fold table on disk: a row an image, what is counted of its probabilities."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.columns import refuse_rows, whole_numbers
from stagewise.data.tables import read_table
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.scores.mask_counts import MaskCounts

ABOVE, COMMON = "above_", "common_"  # how columns begin; the threshold follows
SIZES = ("pixels", "mask_pixels")


def write_counts(path: Path, filenames: Sequence[str], folds: np.ndarray, counts: MaskCounts) -> None:
    """Write the table, whole or not at all. filenames: of the images; folds: (n,) which one held each out."""
    columns = {"filename": filenames, "fold": folds, "pixels": counts.pixels, "mask_pixels": counts.truth}
    for start, values in ((ABOVE, counts.above), (COMMON, counts.common)):
        columns |= {f"{start}{threshold:g}": values[:, k] for k, threshold in enumerate(counts.grid)}
    with paths.replacing(path) as temporary:
        pd.DataFrame(columns).to_csv(temporary, index=False)


def read_counts(path: Path, mend: str) -> tuple[list[str], np.ndarray, MaskCounts]:
    """Filenames, folds (n,) int64, and the counts. Raises InputError where a count cannot be, ending with `mend`."""
    frame = read_table(path, ("filename", "fold", *SIZES), mend)
    refuse_rows(frame["filename"].duplicated(), frame, "filename", "stands there a second time", path, mend)
    grid = _grid(frame, path, mend)
    folds = whole_numbers(frame, "fold", path, mend, minimum=0).to_numpy()
    pixels, truth = (_counts(frame, [name], path, mend)[:, 0] for name in SIZES)
    above, common = (_counts(frame, [f"{start}{t:g}" for t in grid], path, mend) for start in (ABOVE, COMMON))
    _require_possible(frame, MaskCounts(grid, pixels, truth, above, common), path, mend)
    return frame["filename"].tolist(), folds, MaskCounts(grid, pixels, truth, above, common)


def _grid(frame: pd.DataFrame, path: Path, mend: str) -> tuple[float, ...]:
    """The thresholds that columns are named by, ascending, each for both counts."""
    names = {start: [name.removeprefix(start) for name in frame if name.startswith(start)] for start in (ABOVE, COMMON)}
    try:
        grid = tuple(map(float, names[ABOVE]))
    except ValueError:
        grid = ()
    if not grid or names[ABOVE] != names[COMMON] or list(grid) != sorted(set(grid)):
        raise InputError(
            f"{paths.shown(path)} has not the same ascending thresholds in columns {ABOVE}0.05, ... and "
            f"{COMMON}0.05, ...; {mend}"
        )
    return grid


def _counts(frame: pd.DataFrame, names: Sequence[str], path: Path, mend: str) -> np.ndarray:
    return np.stack([whole_numbers(frame, name, path, mend, minimum=0) for name in names], axis=1)


def _require_possible(frame: pd.DataFrame, counts: MaskCounts, path: Path, mend: str) -> None:
    """Refuse the first row that no image has."""
    limits = (
        (counts.pixels, counts.truth[:, None], "is less than its mask's"),
        (counts.pixels, counts.above, "is less than those above a threshold"),
        (counts.truth, counts.common, "is less than those of the mask above a threshold"),
        (counts.above, counts.common, "is less than those of the mask above the same threshold"),
        (counts.above[:, :-1], counts.above[:, 1:], "is less than at a higher threshold"),
        (counts.common[:, :-1], counts.common[:, 1:], "is less than at a higher threshold"),
    )
    columns = ("pixels", "pixels", "mask_pixels", ABOVE, ABOVE, COMMON)
    for column, (most, least, problem) in zip(columns, limits, strict=True):
        bad = (most if most.ndim == 2 else most[:, None]) < least
        names = [f"{column}{threshold:g}" for threshold in counts.grid] if column in (ABOVE, COMMON) else [column]
        for place in np.flatnonzero(bad.any(axis=0))[:1]:
            name = names[place if len(names) > 1 else 0]
            refuse_rows(pd.Series(bad[:, place], frame.index), frame, name, problem, path, mend)
