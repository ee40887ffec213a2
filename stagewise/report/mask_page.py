"""The page on masks: everything that was gathered, drawn and put into the template."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stagewise.data.splits import ALWAYS_TRAINED
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import CONVERT_DICOM, MAKE_XRAY_SPLIT, OUT_OF_FOLD, REPORT, VERIFY_XRAYS
from stagewise.report import figures, mask_figures, rows, svg
from stagewise.report.mask_evidence import MaskEvidence
from stagewise.report.mask_pictures import ImageGroup, areas_of
from stagewise.report.mask_rows import HEADS, fold_rows, rule_rows, run_rows
from stagewise.report.origin import origin, training_commands
from stagewise.report.page import rendered
from stagewise.report.training import Run
from stagewise.scores.mask_counts import dice_of
from stagewise.scores.rule_choice import ALL, NEGATIVE, POSITIVE
from stagewise.xrays.mask_table import MaskTable

CURVES = (
    ("val_loss", "loss", "Loss: cross-entropy in validation, and dotted the loss in training."),
    ("val_dice", None, "Dice of all validation images, each epoch by the best of a few rules."),
    ("val_dice_positive", None, "Dice of those with a pneumothorax."),
)


def render(evidence: MaskEvidence, groups: Sequence[ImageGroup], submitted: MaskTable | None) -> str:
    """The whole page as HTML, the same for the same files. groups: none where no images are wanted."""
    choice = evidence.choice
    context = {
        "title": "Pneumothorax",
        "media": "img-src data:",
        "evidence": evidence,
        "choice": choice,
        "scores": dict(zip(("all", "positive", "negative"), choice.nested[0, [ALL, POSITIVE, NEGATIVE]], strict=True)),
        "ends": choice.nested_interval[0],
        "answers": evidence.answers,
        "groups": groups,
        "heads": HEADS,
        "rule_rows": rule_rows(choice),
        "fold_rows": fold_rows(evidence.plan.table, dice_of(evidence.counts, evidence.rule)),
        "images": [_images(part, index) for part, index in evidence.indexes.items()],
        "classes": _classes(evidence.split.table),
        "quarantined": list(_quarantined(evidence.indexes)),
        "training": [_of_part(runs) for runs in evidence.stages],
        **_pictures(evidence, submitted),
        **origin(evidence.stages, _commands(evidence), _tables(evidence)),
    }
    return rendered("masks.html.j2", context)


def _pictures(evidence: MaskEvidence, submitted: MaskTable | None) -> dict[str, Any]:
    """Every figure, under the names by which the template knows them."""
    dice = dice_of(evidence.counts, evidence.rule)
    groups = {"train": _areas(evidence)}
    if submitted is not None:
        groups["test"] = np.array([pixels for pixels in areas_of(submitted).values() if pixels])
    with svg.style():
        return {
            "pictures": {
                "thresholds": mask_figures.dice_over_thresholds(evidence.counts, evidence.rule),
                "sizes": mask_figures.dice_by_size(evidence.counts, dice),
                "areas": mask_figures.areas({name: areas for name, areas in groups.items() if len(areas)}),
                "parts": mask_figures.parts_in_turn(evidence.stages),
            },
            "curves": {
                runs[0].stage: [figures.learning_curve(runs, name, text, dotted) for name, dotted, text in CURVES]
                for runs in evidence.stages
            },
        }


def _areas(evidence: MaskEvidence) -> np.ndarray:
    """Pixels of each true mask."""
    if "train" not in evidence.indexes:
        return np.array([], int)
    pixels = evidence.indexes["train"].query("status == 'ok'")["mask_pixels"].to_numpy()
    return pixels[pixels > 0]


def _images(part: str, index: pd.DataFrame) -> dict[str, Any]:
    good = index[index["status"] == "ok"]
    sizes = good.groupby(["width", "height"]).size().sort_values(ascending=False)
    shown = [f"{width} × {height}" for width, height in sizes.index[:3]]
    return {
        "part": part,
        "converted": len(good),
        "quarantined": len(index) - len(good),
        "positive": int((good["mask_pixels"] > 0).sum()) if part == "train" else None,
        "inverted": int((good["photometric"] == "MONOCHROME1").sum()),
        "sizes": ", ".join([*shown, *["…"] * (len(sizes) > 3)]) or rows.NOTHING,
    }


def _classes(split: pd.DataFrame) -> list[dict[str, Any]]:
    folds = {"always trained on" if fold == ALWAYS_TRAINED else fold: of for fold, of in split.groupby("fold")}
    return [
        {"name": name, "images": len(of), "positive": int(of["positive"].sum()), "share": of["positive"].mean()}
        for name, of in (*folds.items(), ("all", split))
    ]


def _quarantined(indexes: dict[str, pd.DataFrame]) -> Iterator[dict[str, str]]:
    for part, index in indexes.items():
        for row in index[index["status"] == "quarantined"].itertuples():
            yield {"part": part, "filename": row.filename, "reason": row.reason}


def _of_part(runs: Sequence[Run]) -> dict[str, Any]:
    """A part's name, what it starts from, its share of positives and size, and a row a run."""
    return {
        "name": runs[0].stage,
        "start": rows.start_of(runs),
        "share": mask_figures.share_of(runs),
        "side": next((run.config["recipe"]["net"]["input_shape"][0] for run in runs if run.config), None),
        "rows": [row for run in runs for row in run_rows(run)],
    }


def _commands(evidence: MaskEvidence) -> list[str]:
    """The commands from the DICOM files to the report, as far as configs and tables tell."""
    lines = [CONVERT_DICOM, VERIFY_XRAYS]
    lines += [MAKE_XRAY_SPLIT] * (evidence.split.path.absolute() == xray_paths.split_csv())
    lines += training_commands(evidence.stages)
    lines.append(f"{evidence.command(OUT_OF_FOLD)} --seed {evidence.seed}")
    lines += [evidence.answers.settings.made_by] if evidence.answers else []
    return [*lines, evidence.command(REPORT)]


def _tables(evidence: MaskEvidence) -> tuple[Path, ...]:
    stage = evidence.stage
    return (
        *(xray_paths.index(subset) for subset in paths.SUBSETS),
        xray_paths.mask_table(),
        evidence.split.path,
        xray_paths.oof_csv(stage),
        xray_paths.rule_json(stage),
        xray_paths.submission_csv(),
        xray_paths.answers_json(),
    )
