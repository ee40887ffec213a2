"""The threshold of a stage: chosen out of fold, written with its curve, and tied to the weights it came from."""

import json

import pandas as pd

from stagewise import paths, runs
from stagewise.curves import draw_mcc_curve
from stagewise.errors import InputError
from stagewise.inference import InferencePlan
from stagewise.score import THRESHOLDS, best_threshold, mcc_curve, note_on_constant, roc_auc


def write_threshold(plan: InferencePlan, table: pd.DataFrame, seed: int) -> str:
    """Choose the threshold with the highest MCC out of fold, and write threshold.json and mcc_curve.png.

    table: of `predict_out_of_fold`; seed: of the bootstrap. Returns: a sentence with the scores.
    """
    labels, probabilities = table["stalled"].to_numpy(), table["probability"].to_numpy()
    best, curve = best_threshold(labels, probabilities, seed), mcc_curve(labels, probabilities)
    auc = roc_auc(labels, probabilities)
    path = paths.threshold_json(plan.stage)
    content = {
        **vars(best),
        "roc_auc": auc,
        "clips": len(table),
        "stalled": int(labels.sum()),
        "weights": plan.weights_sha256,
        "curve": {f"{threshold:.2f}": float(mcc) for threshold, mcc in zip(THRESHOLDS, curve, strict=True)},
    }
    paths.remove_leftovers(path.parent)
    draw_mcc_curve(path.with_name("mcc_curve.png"), curve, best, f"{plan.stage}, {len(table)} clips")
    runs.write_json(path, content)
    low, high = best.mcc_interval
    note = note_on_constant(probabilities)
    return (
        f"out of fold: ROC AUC {auc:.4f}, MCC {best.mcc:.4f} (95 % of resamples: {low:.4f} to {high:.4f}) "
        f"at threshold {best.threshold:.2f} ({best.threshold_interval[0]:.2f} to {best.threshold_interval[1]:.2f})"
        + (f"\n{note}" if note else "")
    )


def read_threshold(plan: InferencePlan, otherwise: str = ", or give one with --threshold") -> float:
    """The threshold chosen for the plan's weights. Raises InputError where it is missing or of other weights.

    otherwise: what else than r41 mends that, for the end of the message.
    """
    path = paths.threshold_json(plan.stage)
    mend = f"run: python {plan.stage}/r41_process_oof.py{otherwise}"
    try:
        content = json.loads(paths.read_text(path))
        threshold, weights = float(content["threshold"]), content["weights"]
    except FileNotFoundError:
        raise InputError(f"no threshold {paths.shown(path)}; {mend}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    for fold, sha256 in plan.weights_sha256.items():
        if weights.get(fold) != sha256:
            raise InputError(f"{paths.shown(path)} was not chosen with the present weights of fold {fold}; {mend}")
    return threshold
