"""Projects: clips of one project are alike, so each has its scores, and a fold should not know it from another."""

from typing import Any

import numpy as np
import pandas as pd

from stagewise.data.splits import Split
from stagewise.data.tables import read_metadata
from stagewise.files import paths
from stagewise.messages.commands import MAKE_SPLIT
from stagewise.scores.score import confusion, is_stalled, mcc_of_counts, roc_auc

WORST_SHOWN = 3


def projects_of(split: Split) -> pd.DataFrame:
    """What is known of the projects of a split's clips, from its own column project_id or else the training metadata's.

    Returns: filename, project_id (str), project_seen (whether clips of the project are in other folds too, so that the
    net that answers the clip was trained on some of them); both are missing where a clip's project is not known, and
    the columns are, where none is. Raises InputError where the metadata cannot be read.
    """
    table = split.table
    metadata = paths.input_folder() / "train_metadata.csv"
    if "project_id" not in table and metadata.exists():
        known = read_metadata(metadata, only=("tier1", "project_id"))
        if "project_id" in known:
            table = table.merge(known[["filename", "project_id"]], on="filename", how="left")
    if "project_id" not in table:
        return table[["filename"]]
    project = table["project_id"].str.strip()
    project = project.mask(project == "")
    seen = table.groupby(project)["fold"].transform("nunique") > 1
    return pd.DataFrame(
        {"filename": table["filename"], "project_id": project, "project_seen": seen.mask(project.isna())}
    )


def write_projects(stage: str, table: pd.DataFrame, threshold: float) -> str:
    """Write each project's scores to `<stage>_oof_projects.csv`, where projects are known.

    table: of `predict_out_of_fold`. Returns: what there is to say of them.
    """
    path = paths.oof_projects_csv(stage)
    if "project_id" not in table or table["project_id"].isna().all():
        path.unlink(missing_ok=True)  # of an earlier run, whose scores these are not
        return (
            "no project_id in the split or in input/train_metadata.csv: no scores of single projects, and no telling "
            "whether folds share projects"
        )
    scores = score_projects(table, threshold)
    with paths.replacing(path) as temporary:
        scores.to_csv(temporary, index=False, float_format="%.4f")
    return f"{_worst(scores)}\n  all in {paths.shown(path)}\n{sharing(table)}"


def score_projects(table: pd.DataFrame, threshold: float, by: str = "project_id") -> pd.DataFrame:
    """Scores of each project's clips, a row a project, ordered by its name; NaN where undefined.

    table: stalled, probability, and the column `by`, which may be another one to score by, such as the fold. Returns:
    that column, clips, stalled, mcc and roc_auc (where both classes are there), sensitivity, specificity.
    """
    return pd.DataFrame([{by: group} | _scores(clips, threshold) for group, clips in table.groupby(by)])


def _scores(clips: pd.DataFrame, threshold: float) -> dict[str, Any]:
    labels, probabilities = clips["stalled"].to_numpy(), clips["probability"].to_numpy()
    tp, fp, fn, tn = confusion(labels, is_stalled(probabilities, threshold))
    stalled, flowing = tp + fn, fp + tn
    return {
        "clips": len(clips),
        "stalled": stalled,
        "mcc": float(mcc_of_counts(tp, fp, fn, tn)) if stalled and flowing else np.nan,
        "roc_auc": roc_auc(labels, probabilities),
        "sensitivity": tp / stalled if stalled else np.nan,
        "specificity": tn / flowing if flowing else np.nan,
    }


def _worst(scores: pd.DataFrame) -> str:
    both = scores.dropna(subset="mcc").sort_values("mcc", kind="stable")
    named = (
        f"{row.project_id if row.project_id.isprintable() else ascii(row.project_id)} {row.mcc:.3f} "
        f"({row.stalled} of {row.clips} clips stalled)"
        for row in both.head(WORST_SHOWN).itertuples()
    )
    worst = f"; lowest MCC: {', '.join(named)}" if len(both) else ""
    return f"projects: {len(scores)}, of which {len(both)} have clips of both classes{worst}"


def sharing(table: pd.DataFrame) -> str:
    """Whether the scores hold for new projects. table: project_id, project_seen."""
    known = table["project_id"].notna()
    unknown = f"; of {np.sum(~known)} clips no project is known" if not known.all() else ""
    seen = int(table.loc[known, "project_seen"].sum())
    if not seen:
        return f"no project is in two folds, so the scores hold for new projects{unknown}"
    return (
        f"{seen} of {known.sum()} clips are of projects that other folds hold too: their nets have seen clips like "
        f"them, and for new projects the scores may be too good{unknown}; to see by how much, split with: {MAKE_SPLIT} "
        "--group project_id --output CSV, train on it, and compare with r53_compare_splits.py"
    )
