"""The page: everything that was gathered, drawn and put into the template."""

import base64
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from stagewise.data.tables import CLASSES
from stagewise.files import paths
from stagewise.messages.commands import TEST
from stagewise.nets.net import chosen_block
from stagewise.report import rows
from stagewise.report.answers import expected_answers, true_share
from stagewise.report.evidence import Evidence
from stagewise.report.origin import commands, origin, tables
from stagewise.report.panels import draw_panels

if TYPE_CHECKING:  # it loads Keras
    from stagewise.report.clips import ClipGroup

FOLDER = Path(__file__).parent
SHOWN_ROWS = 100  # of a table that could have thousands


def render(evidence: Evidence, clip_groups: Sequence["ClipGroup"]) -> str:
    """The whole page as HTML, the same for the same files. clip_groups: none where no clips are wanted."""
    context = {
        "title": "Stalled or flowing",
        "media": "media-src data:",
        "evidence": evidence,
        "oof": evidence.out_of_fold,
        "scores": evidence.out_of_fold.evaluation,
        "best": evidence.out_of_fold.evaluation.best,
        "answers": evidence.answers,
        "clip_groups": clip_groups,
        "classes": CLASSES,
        **draw_panels(evidence),
        **rows.of_data(evidence),
        "heat": _heat_maps(evidence),
        "training": rows.of_training(evidence),
        "who_answers": rows.who_answers(evidence.recipe),
        **rows.of_scores(evidence),
        **_test_set(evidence),
        **origin(evidence.stages, commands(evidence), tables(evidence)),
    }
    return rendered("report.html.j2", context)


def rendered(template: str, context: dict[str, Any]) -> str:
    """The page of a template. context: its values; those that every page has are added."""
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    shared = {
        "paths": paths,
        "shown_rows": SHOWN_ROWS,
        "style": (FOLDER / "report.css").read_text(encoding="utf-8"),
        "script": script,
        "script_hash": _hash_for_browsers(script),
    }
    return _environment().get_template(template).render(shared | context)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # a fifth less for 14,160 test videos
    environment.filters |= {"fixed": fixed, "percent": percent, "thousands": thousands}
    return environment


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; a dash where it is undefined."""
    return rows.NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """A share in percent, with three digits that count."""
    return f"{100 * value:.3g} %"


def thousands(value: int) -> str:
    """A count with commas."""
    return f"{value:,}"


def _hash_for_browsers(script: str) -> str:
    """What lets a browser run this script and no other: no name of a video can bring its own."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _heat_maps(evidence: Evidence) -> dict[str, Any] | None:
    """Where the clips' heat maps are taken from, and by which method; None where the net offers none."""
    recipe = evidence.recipe
    net, shapes = recipe.net, recipe.net.map_shapes
    if not shapes:
        return None
    block, nets = chosen_block(net), len(recipe.kept.answering(recipe.name))
    return {
        "method": net.map_method,
        "block": block,
        "blocks": len(shapes),
        "shape": shapes[block - 1],
        "any_length": net.input_shape[0] is None,
        "nets": nets,
    }


def _test_set(evidence: Evidence) -> dict[str, Any]:
    """What the answers to the test videos are compared with."""
    answers, scores = evidence.answers, evidence.out_of_fold.evaluation
    if answers is None:
        return {}
    rates = (scores.at_validation_share.sensitivity, scores.at_validation_share.specificity)
    shares = {"as out of fold": scores.at_validation_share.share, "as really met": scores.at_prevalence.share}
    return {
        "expected": [
            {"name": name, **vars(expected_answers(answers.answered, share, *rates))} for name, share in shares.items()
        ],
        "true_share": true_share(answers.share, *rates),
        "answer_again": evidence.command(TEST, answers.folds),
        "same_threshold": answers.settings.threshold == scores.best.threshold,
    }
