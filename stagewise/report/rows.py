"""The rows of the report's tables."""

from typing import Any

import numpy as np
import pandas as pd

from stagewise.data.projects import score_projects, sharing
from stagewise.data.splits import ALWAYS_TRAINED
from stagewise.report.evidence import Evidence
from stagewise.report.training import Run

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
        "tier1": evidence.recipe.rows.tier1_only,
        "projects": sorted(projects, key=lambda row: -row["videos"]),
        "quarantined": quarantined,
    }


def _split(evidence: Evidence) -> pd.DataFrame:
    """The split's rows with their projects, and tier1 as bool, where the stage asks for it."""
    split = evidence.split
    tiers = split.tier1 if evidence.recipe.rows.tier1_only else False
    table = split.table[["filename", "stalled", "fold"]].assign(tier1=tiers)
    return table.merge(evidence.projects, on="filename")


def _videos(part: str, index: pd.DataFrame) -> dict[str, Any]:
    good = index[index["status"] == "ok"]
    medians = [f"{good[size].median():.0f}" if len(good) else NOTHING for size in SIZES]
    return {"part": part, "extracted": len(good), "quarantined": len(index) - len(good), "medians": medians}


def _classes(name: object, rows: pd.DataFrame) -> dict[str, Any]:
    counts = {"videos": len(rows), "stalled": int(rows["stalled"].sum()), "tier1": int(rows["tier1"].sum())}
    return {"name": name, "share": counts["stalled"] / len(rows), **counts}


def of_training(evidence: Evidence) -> list[dict[str, Any]]:
    """For each stage its name, its score, and a row a run with the scores of its best epoch."""
    return [
        {"name": runs[0].stage, "monitor": _monitor(runs), "rows": [_run(run) for run in runs]}
        for runs in evidence.stages
    ]


def _monitor(runs: list[Run]) -> str:
    known = {run.config["recipe"]["kept"]["monitor"] for run in runs if run.config}
    return " or ".join(sorted({"auc": "ROC AUC", "mcc": "MCC"}.get(name, name) for name in known)) or NOTHING


def _run(run: Run) -> dict[str, Any]:
    history, cells = run.history, [NOTHING] * 6
    if history is not None:
        epoch = run.best.get("epoch", len(history) - 1)  # of a run that goes on, the last one
        scores = history.iloc[epoch]
        names = (("loss", 4), ("val_loss", 4), ("val_auc", 4), ("val_mcc", 3))
        best = str(epoch + 1) if run.best else NOTHING
        cells = [str(len(history)), best, *(f"{scores[name]:.{digits}f}" for name, digits in names)]
    return {"fold": run.fold, "state": run.state, "cells": cells}


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
