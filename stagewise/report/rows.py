"""The rows of the report's tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stagewise.data.projects import score_projects, sharing
from stagewise.data.splits import ALWAYS_TRAINED
from stagewise.recipes.recipe import Recipe
from stagewise.report.evidence import Evidence
from stagewise.report.training import PARENTS, Run

SIZES = ("frames", "height", "width")
NOTHING = "–"


def of_data(evidence: Evidence) -> dict[str, Any]:
    """Videos of each part, classes by fold and by project, and what was quarantined."""
    split, quarantined = _split(evidence), []
    for part, index in evidence.indexes.items():
        bad = index[index["status"] == "quarantined"]
        quarantined += [{"part": part, "filename": row.filename, "reason": row.reason} for row in bad.itertuples()]
    projects = []
    if "project_id" in split:
        projects = [_classes(name, rows) for name, rows in split.groupby("project_id")]
    folds = {"always trained on" if fold == ALWAYS_TRAINED else fold: rows for fold, rows in split.groupby("fold")}
    return {
        "videos": [_videos(part, index) for part, index in evidence.indexes.items()],
        "fold_classes": [_classes(name, rows) for name, rows in (*folds.items(), ("all", split))],
        "some_taken": not split["taken"].all(),
        "projects": sorted(projects, key=lambda row: -row["videos"]),
        "quarantined": quarantined,
    }


def _split(evidence: Evidence) -> pd.DataFrame:
    """The split's rows with their projects, and whether the stage takes them (bool)."""
    split = evidence.split
    taken = split.table["filename"].isin(evidence.recipe.rows.of(split).table["filename"])
    return split.table[["filename", "stalled", "fold"]].assign(taken=taken).merge(evidence.projects, on="filename")


def _videos(part: str, index: pd.DataFrame) -> dict[str, Any]:
    good = index[index["status"] == "ok"]
    medians = [f"{good[size].median():.0f}" if len(good) else NOTHING for size in SIZES]
    return {"part": part, "extracted": len(good), "quarantined": len(index) - len(good), "medians": medians}


def _classes(name: object, rows: pd.DataFrame) -> dict[str, Any]:
    counts = {"videos": len(rows), "stalled": int(rows["stalled"].sum()), "taken": int(rows["taken"].sum())}
    return {"name": name, "share": counts["stalled"] / len(rows), **counts}


def of_training(evidence: Evidence) -> list[dict[str, Any]]:
    """For each stage its name, what it starts from and keeps, and a row for each epoch that a run kept."""
    return [
        {
            "name": runs[0].stage,
            "start": start_of(runs),
            "kept": _kept(runs),
            "snapshots": any(run.reached for run in runs),
            "rows": [row for run in runs for row in _run(run)],
        }
        for runs in evidence.stages
    ]


def start_of(runs: Sequence[Run]) -> str:
    """What runs of a stage started from, in words."""
    starts = [run.config["recipe"]["start"] for run in runs if run.config]
    return " or ".join(sorted({_start_named(start) for start in starts})) or NOTHING


def _start_named(start: dict[str, Any]) -> str:
    if "snapshot" in start:
        return f"epoch {start['snapshot']} of {start['label']}"
    if start["kind"] in PARENTS:
        return f"the best epoch of {start['label']}"
    return start.get("label", "random") + " weights"


def _kept(runs: list[Run]) -> str:
    kept = [run.config["recipe"]["kept"] for run in runs if run.config]
    monitors = {{"auc": "ROC AUC", "mcc": "MCC", "dice": "Dice"}.get(part["monitor"], part["monitor"]) for part in kept}
    best = f"the best epoch by {' or '.join(sorted(monitors))}" if monitors else NOTHING
    epochs = sorted({epoch for part in kept for epoch in part.get("kept_epochs", ())})
    return f"epoch{'s' * (len(epochs) > 1)} {', '.join(map(str, epochs))} and {best}" if epochs else best


def _run(run: Run) -> list[dict[str, Any]]:
    """A row for the best epoch, or of a run that goes on for its last one, and one for each snapshot."""
    history, row = run.history, {"fold": run.fold, "state": run.state}
    if history is None:
        return [{**row, "cells": [NOTHING] * 6}]
    best = run.best.get("epoch", len(history) - 1)
    shown = [(best, str(best + 1) if run.best else NOTHING)]
    shown += [(epoch - 1, f"{epoch}, snapshot") for epoch in run.snapshots]
    names = (("loss", 4), ("val_loss", 4), ("val_auc", 4), ("val_mcc", 3))
    return [
        {**row, "cells": [str(len(history)), what, *(f"{history[name].iloc[epoch]:.{n}f}" for name, n in names)]}
        for epoch, what in shown
    ]


def who_answers(recipe: Recipe) -> str:
    """Which nets a fold answers by, and how often they look at a clip."""
    epochs: dict[str, list[int]] = {}
    for stage, epoch in recipe.kept.answering(recipe.name):
        epochs.setdefault(stage, []).extend([] if epoch is None else [epoch])
    views, nets = recipe.answer.views, sum(map(len, epochs.values()))
    looks = f"{views} views of each clip" if views > 1 else "one view of each clip"
    if not nets:
        return f"its best epoch, with {looks}"
    of_stages = "; ".join(f"{', '.join(map(str, numbers))} of {stage}" for stage, numbers in epochs.items())
    return f"the mean of {nets} snapshots (epochs {of_stages}), with {looks}"


def of_scores(evidence: Evidence) -> dict[str, Any]:
    """The confusion matrix, and scores by fold and by project."""
    oof = evidence.out_of_fold
    tp, fp, fn, tn = oof.evaluation.counts
    known = "project_id" in oof.table and oof.table["project_id"].notna().any()
    projects = _records(score_projects(oof.table, oof.threshold)) if known else []
    return {
        "confusion": [
            ("stalled", [_cell(tp, tp + fn, right=True), _cell(fn, tp + fn, right=False)]),
            ("flowing", [_cell(fp, fp + tn, right=False), _cell(tn, fp + tn, right=True)]),
        ],
        "fold_scores": _records(score_projects(oof.table, oof.threshold, by="fold")),
        "project_scores": sorted(projects, key=lambda row: np.nan_to_num(row["mcc"], nan=2)),
        "sharing": sharing(oof.table) if known else "",
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")


def _cell(clips: int, of: int, right: bool) -> dict[str, Any]:
    return {"clips": clips, "share": clips / of, "right": right}
