"""The competition's tables for a phantom data set."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths

TABLES = (
    "train_metadata.csv",
    "test_metadata.csv",
    "submission_format.csv",
    "phantom_test_labels.csv",
    "train_labels.csv",
)
MICRO_SHARE = 0.5  # ours: of tier 1; in the real set it is the 2,399 most instructive videos
NANO_SHARE = 0.59  # of micro, as in the real set


@dataclass(frozen=True)
class Row:
    """What the tables hold of one clip; `subset` is train or test."""

    subset: str
    filename: str
    stalled: bool
    frames: int
    project: str
    crowd_score: float
    tier1: bool
    micro: bool
    nano: bool


def crowd_score(rng: np.random.Generator, stalled: bool) -> float:
    """The crowd's belief in "stalled", 0-1, with the distribution in the real set's 2,399 `micro` videos."""
    chance, between = rng.random(), rng.random()
    if stalled:
        levels, scores = (0.0, 0.2, 0.201, 0.22, 0.3, 0.45, 0.58, 1.0), (0, 0, 0.4, 0.52, 0.75, 0.85, 1, 1)
        return float(np.interp(chance, levels, scores))
    # 94 % are exactly 0; the others follow a curve with median 0.17
    return 0.0 if chance < 0.94 else float(min(0.03 + 0.64 * between**2, 0.667))


def write_tables(folder: Path, rows: list[Row]) -> None:
    """Write the five tables of `TABLES`, `train_labels.csv` last."""
    train = [row for row in rows if row.subset == "train"]
    test = [row for row in rows if row.subset == "test"]
    contents = {
        "train_metadata.csv": [_metadata(row) for row in train],
        "test_metadata.csv": [{"filename": row.filename, "url": _url(row), "num_frames": row.frames} for row in test],
        "submission_format.csv": [{"filename": row.filename, "stalled": 0} for row in test],
        "phantom_test_labels.csv": [_label(row) for row in test],
        "train_labels.csv": [_label(row) for row in train],
    }
    for name in TABLES:
        _write(folder / name, contents[name])


def _url(row: Row) -> str:
    return f"phantom://{row.subset}/{row.filename}"


def _label(row: Row) -> dict[str, object]:
    return {"filename": row.filename, "stalled": int(row.stalled)}


def _metadata(row: Row) -> dict[str, object]:
    return {
        "filename": row.filename,
        "url": _url(row),
        "project_id": row.project,
        "num_frames": row.frames,
        "crowd_score": round(row.crowd_score, 6),
        "tier1": row.tier1,
        "micro": row.micro,
        "nano": row.nano,
    }


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with (
        paths.replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
