"""The threshold of a stage: chosen out of fold, written with its curve, and tied to the weights it came from."""

import json
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.folds import runs
from stagewise.messages.commands import OUT_OF_FOLD
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.scores.curves import draw_mcc_curve, draw_picture, draw_reliability
from stagewise.scores.evaluation import Evaluation, evaluate


def write_threshold(plan: InferencePlan, table: pd.DataFrame, seed: int, prevalence: float) -> Evaluation:
    """Choose the threshold with the highest MCC out of fold; write threshold.json, mcc_curve.png, reliability.png.

    table: of `predict_out_of_fold`; seed: of the resamples; prevalence: the share of stalled clips that is really met.
    """
    labels, probabilities = table["stalled"].to_numpy(), table["probability"].to_numpy()
    evaluation = evaluate(labels, probabilities, seed, prevalence, plan.recipe.fitted_share(labels))
    path, title = paths.threshold_json(plan.stage), f"{plan.stage}, {len(table)} clips"
    remove_leftovers(path.parent)
    draw_picture(path.with_name("mcc_curve.png"), title, partial(_draw_curves, evaluation=evaluation))
    draw_reliability_of = partial(draw_reliability, reliability=evaluation.reliability)
    draw_picture(path.with_name("reliability.png"), title, draw_reliability_of)
    runs.write_json(path, {**evaluation.content(), "seed": seed, "weights": plan.weights_sha256})
    return evaluation


def _draw_curves(axes: Axes, evaluation: Evaluation) -> None:
    draw_mcc_curve(axes, evaluation.curve, evaluation.best, evaluation.at_validation_share.share)
    draw_mcc_curve(
        axes, evaluation.curve_at_prevalence, evaluation.choice_at_prevalence, evaluation.at_prevalence.share, "tab:red"
    )


def read_threshold(plan: InferencePlan, otherwise: str = ", or give one with --threshold") -> float:
    """The threshold chosen for the plan's weights. Raises InputError where it is missing or of other weights.

    otherwise: what else than r41 mends that, for the end of the message.
    """
    mend = f"run: {plan.command(OUT_OF_FOLD)}{otherwise}"
    return read_scores(plan.stage, plan.weights_sha256, mend)["threshold"]


def read_scores(stage: str, weights_sha256: dict[str, str], mend: str) -> dict[str, Any]:
    """What threshold.json holds. Raises InputError where it is missing, damaged, or of other weights than these."""
    path = paths.threshold_json(stage)
    try:
        content = json.loads(paths.read_text(path))
        content["threshold"], weights = float(content["threshold"]), content["weights"]
    except FileNotFoundError:
        raise InputError(f"no threshold {paths.shown(path)}; {mend}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    runs.require_weights(f"{paths.shown(path)} was not chosen", weights, weights_sha256, mend)
    return content
