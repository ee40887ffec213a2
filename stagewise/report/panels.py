"""Which figures the page has."""

from typing import Any

import numpy as np

from stagewise.data.tables import CLASSES
from stagewise.report import figures, svg
from stagewise.report.evidence import Evidence

CURVES = (
    ("val_loss", "loss", "Loss: in validation, and dotted in training."),
    ("val_auc", None, "ROC AUC of the validation clips."),
    ("val_mcc", None, "MCC of the validation clips, each epoch at its own best threshold."),
)


def draw_panels(evidence: Evidence) -> dict[str, Any]:
    """Every figure, as `Picture`s under the names by which the template knows them."""
    oof, threshold = evidence.out_of_fold, evidence.out_of_fold.threshold
    evaluation = oof.evaluation
    with svg.style():
        pictures = {
            "roc": figures.roc(oof.table, threshold),
            "precision_recall": figures.precision_recall(oof.table, threshold),
            "mcc": figures.mcc_over_thresholds(evaluation),
            "probabilities": figures.probabilities_by_class(oof.table, threshold),
            "reliability": figures.reliability(evaluation.reliability),
        }
        if evidence.answers is not None:
            mean = evidence.answers.mean
            pictures["test"] = figures.test_probabilities(mean[np.isfinite(mean)], threshold)
        curves = {
            runs[0].stage: [figures.learning_curve(runs, name, text, dotted) for name, dotted, text in CURVES]
            for runs in evidence.stages
        }
        return {"pictures": pictures, "curves": curves, "sizes": _sizes(evidence), "thinned": _thinned(evidence)}


def _thinned(evidence: Evidence) -> bool:
    """Whether a training had more epochs than its curve has points."""
    histories = [run.history for runs in evidence.stages for run in runs if run.history is not None]
    return max(map(len, histories), default=0) > figures.MOST_POINTS


def _sizes(evidence: Evidence) -> dict[str, Any] | None:
    """Histograms of the crops; None where no table of them is there."""
    groups = {}
    if "train" in evidence.indexes:
        labels = evidence.split.table[["filename", "stalled"]]  # a split may have columns of the index's names
        index = evidence.indexes["train"].query("status == 'ok'").merge(labels, on="filename")
        groups = {name: index[index["stalled"] == value] for value, name in CLASSES.items()}
    if "test" in evidence.indexes:
        groups["test"] = evidence.indexes["test"].query("status == 'ok'")
    groups = {name: rows for name, rows in groups.items() if len(rows)}
    if not groups:
        return None
    axes = zip(
        ("frames", "height", "width"), ("", ", pixels", ", pixels"), evidence.recipe.net.input_shape, strict=True
    )
    return {
        "groups": [(name, svg.VARIABLES[figures.GROUPS[name]]) for name in groups],
        "pictures": [
            figures.sizes(axis, unit, {name: rows[axis].to_numpy() for name, rows in groups.items()}, net_size)
            for axis, unit, net_size in axes
        ],
    }
