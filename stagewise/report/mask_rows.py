"""Rows of the report's tables on masks, in words."""

from typing import Any

import numpy as np
import pandas as pd

from stagewise.report.rows import NOTHING
from stagewise.report.training import Run
from stagewise.scores.rule_choice import ALL, NEGATIVE, POSITIVE, RuleChoice
from stagewise.scores.rule_table import shown_name, with_interval

HEADS = ("rule", "Dice", "with a pneumothorax", "without", "on own images", "first rule's lead")


def rule_rows(choice: RuleChoice) -> list[tuple[str, ...]]:
    """A row a candidate under `HEADS`: its scores on images of other folds, and how far the first one's lies above."""
    rows = []
    for row, candidate in enumerate(choice.candidates):
        scores = [
            with_interval(values[row, group], ends[row, group])
            for values, ends, groups in (
                (choice.nested, choice.nested_interval, (ALL, POSITIVE, NEGATIVE)),
                (choice.own, choice.own_interval, (ALL,)),
            )
            for group in groups
        ]
        lead = with_interval(choice.difference[row], choice.difference_interval[row], "+") if row else ""
        rows.append((shown_name(candidate), *scores, lead))
    return rows


def fold_rows(table: pd.DataFrame, dice: np.ndarray) -> list[dict[str, Any]]:
    """A row a fold: its images, how many have a pneumothorax, and the mean Dice of all, of these, and of the others.

    table: positive, fold, a row an image; dice: (n,) of their answers.
    """
    found = []
    for fold in sorted(table["fold"].unique().tolist()):
        own, positive = (table["fold"] == fold).to_numpy(), (table["positive"] == 1).to_numpy()
        groups = (own, own & positive, own & ~positive)
        means = [float(dice[group].mean()) if group.any() else float("nan") for group in groups]
        found.append({"fold": fold, "images": int(own.sum()), "positive": int(groups[1].sum()), "dice": means})
    return found


def _shown(score: float) -> str:
    return NOTHING if np.isnan(score) else f"{score:.4f}"


def run_rows(run: Run) -> list[dict[str, Any]]:
    """A row for each epoch that a run kept, or of one that goes on for its last one."""
    history, row = run.history, {"fold": run.fold, "state": run.state}
    if history is None:
        return [{**row, "cells": [NOTHING] * 6}]
    best = run.best.get("epoch", len(history) - 1)
    kept = sorted({best, *(epoch - 1 for epoch in run.snapshots)})
    names = ("loss", "val_loss", "val_dice", "val_dice_positive", "val_dice_negative")
    return [
        {**row, "cells": [_epoch(epoch, best, run), *(_shown(history[name].iloc[epoch]) for name in names)]}
        for epoch in kept
    ]


def _epoch(epoch: int, best: int, run: Run) -> str:
    return f"{epoch + 1} of {len(run.history)}" + ", best" * bool(epoch == best and run.best)
