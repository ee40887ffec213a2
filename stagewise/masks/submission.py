"""The submission of masks, and how it was made: whose probabilities, by which rule."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stagewise.files import paths, xray_paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.folds import runs
from stagewise.masks.rule_file import rule_of
from stagewise.masks.store import test_store
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.recipes.blends import Blend
from stagewise.recipes.mask_rules import Doublet, MaskRule
from stagewise.scores.rule_table import values_of
from stagewise.xrays.finished_masks import finished_mask
from stagewise.xrays.submission import Submitted, side_of, write_masks


@dataclass(frozen=True)
class AnswerSettings:
    """How the test images were answered.

    stages: the weight of each stage's probabilities; weights: by stage, the sha256 of each fold's; rule: as of
    `rule_table.values_of`; rule_from: "oof", "winner" or "given"; compared: the other rules that were chosen out of
    fold, by name; least_outline: of a blend; unanswered: why images have an empty mask unseen, by name; made_by: the
    command; choice: of `rule_table.content`, where several stages' rule was chosen.
    """

    stages: dict[str, float]
    weights: dict[str, dict[str, str]]
    rule: dict[str, float]
    rule_from: str
    made_by: str
    compared: dict[str, dict[str, float]] = field(default_factory=dict)
    least_outline: int | None = None
    unanswered: dict[str, str] = field(default_factory=dict)
    choice: dict[str, Any] | None = None

    @property
    def blend(self) -> Blend:
        """The stages' probabilities as one, and what becomes of it."""
        return Blend(self.stages, rule_of(self.rule), self.least_outline)

    @property
    def others(self) -> dict[str, MaskRule]:
        """The rules beside it, by name."""
        rules = {name: rule_of(values) for name, values in self.compared.items()}
        return {name: rule if name == "triplet" else Doublet(rule.top, rule.area) for name, rule in rules.items()}


def settings_of(
    plans: Sequence[InferencePlan],
    blend: Blend,
    rule_from: str,
    compared: Mapping[str, MaskRule],
    unanswered: Mapping[str, str],
    made_by: str,
    choice: dict[str, Any] | None = None,
) -> AnswerSettings:
    """The settings of answers. plans: of the blend's stages; compared: rules by name, of which the others are kept."""
    return AnswerSettings(
        dict(blend.weights),
        {plan.stage: plan.weights_sha256 for plan in plans},
        values_of(blend.rule),
        rule_from,
        made_by,
        {name: values_of(compared[name]) for name in ("triplet", "doublet", "threshold") if name in compared},
        blend.least_outline,
        dict(unanswered),
        choice,
    )


def blended_test(plans: Sequence[InferencePlan], blend: Blend) -> Iterator[np.ndarray]:
    """The blend of the plans' stored probabilities of test images, one at a time in their order: (H, W) float32."""
    parts = {plan.stage: test_store(plan).images(plan.table["filename"].tolist()) for plan in plans}
    return (blend.of(dict(zip(parts, images, strict=True))) for images in zip(*parts.values(), strict=True))


def write_answers(
    plans: Sequence[InferencePlan], asked: pd.DataFrame, settings: AnswerSettings
) -> tuple[Submitted, list[Path]]:
    """Write the submission and how it was made, both whole or not at all.

    plans: of `plan_test`, of the same images; asked: of `images_to_answer`, whose names as asked are written, and of
    which those unanswered get an empty mask.
    """
    path, blend, side = xray_paths.submission_csv(), settings.blend, side_of(plans[0].table)
    probabilities, empty = blended_test(plans, blend), np.zeros((side, side), bool)
    masks = (
        empty if reason else finished_mask(next(probabilities), blend.rule, blend.least_outline, side)
        for reason in asked["reason"]
    )
    remove_leftovers(path.parent)
    submitted = write_masks(path, asked["asked"].tolist(), masks, side)
    told = asdict(settings) | asdict(submitted) | {"side": side, "sha256": paths.sha256_of(path)}
    runs.write_json(xray_paths.answers_json(), told)
    return submitted, [path, xray_paths.answers_json()]


@dataclass(frozen=True)
class Answers:
    """What was submitted: how it was made, and of how many images with how many masks and pixels, of which side."""

    settings: AnswerSettings
    submitted: Submitted
    side: int


def read_answers(mend: str) -> Answers | None:
    """What was submitted last; None where nothing was.

    Raises InputError, which ends in `mend`, where the submission is not the one that was written with its settings.
    """
    path = xray_paths.answers_json()
    try:
        found = json.loads(paths.read_text(path))
        sha256, side = found.pop("sha256"), found.pop("side")
        submitted = Submitted(*(found.pop(name) for name in ("images", "positives", "pixels")))
        settings = AnswerSettings(**found)
        settings.blend, settings.others  # noqa: B018  whatever of them is damaged
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    submission = xray_paths.submission_csv()
    if not submission.exists() or paths.sha256_of(submission) != sha256:
        raise InputError(f"{paths.shown(submission)} is not the one that {paths.shown(path)} tells of; {mend}")
    return Answers(settings, submitted, side)
