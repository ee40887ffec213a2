"""What out-of-fold answers say: the best threshold, its scores at two shares of stalled clips, and calibration."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stagewise.scores.calibration import Reliability, brier_score, chance_calibration_error, reliability
from stagewise.scores.operating_point import SCORES, OperatingPoint, operating_point
from stagewise.scores.score import (
    THRESHOLDS,
    BestThreshold,
    best_threshold,
    confusion,
    is_stalled,
    mcc_curve,
    note_on_constant,
    roc_auc,
)

ROW = "  {:<18}{:<25}{:<25}{:<25}{}"  # of the table of scores


@dataclass(frozen=True)
class Evaluation:
    """The scores of out-of-fold answers to `clips` clips, `stalled` of which are.

    best: the threshold for the clips as they are; counts: `confusion` at it; at_validation_share, at_prevalence: its
    scores at the clips' own share of stalled ones, and at the share that is really met. choice_at_prevalence: the
    threshold for that share; best_at_prevalence: the scores of that one, there. curve, curve_at_prevalence: (96,) MCC
    at `THRESHOLDS`. training_share: of stalled clips, which the probabilities were fitted to.
    """

    clips: int
    stalled: int
    roc_auc: float
    counts: tuple[int, int, int, int]
    best: BestThreshold
    at_validation_share: OperatingPoint
    at_prevalence: OperatingPoint
    choice_at_prevalence: BestThreshold
    best_at_prevalence: OperatingPoint
    curve: np.ndarray
    curve_at_prevalence: np.ndarray
    reliability: Reliability
    chance_calibration_error: tuple[float, float]
    brier_score: float
    note: str
    training_share: float

    def __str__(self) -> str:
        tp, fp, fn, tn = self.counts
        best, here, there = self.best, _percent(self.at_validation_share.share), _percent(self.at_prevalence.share)
        lines = [
            f"out of fold: ROC AUC {self.roc_auc:.4f}, MCC {best.mcc:.4f} (95 % of resamples, each with its own best "
            f"threshold: {best.mcc_interval[0]:.4f} to {best.mcc_interval[1]:.4f}) at threshold {best.threshold:.2f} "
            f"({best.threshold_interval[0]:.2f} to {best.threshold_interval[1]:.2f})",
            f"threshold {best.threshold:.2f} is the best at {here}, the share of these {self.clips} clips, on which it "
            f"was chosen: its MCC there is flattered by about {max(best.optimism, 0):.3f}",
            f"above it lie {tp} of {tp + fn} stalled and {fp} of {fp + tn} flowing clips; hence, with 95 % intervals:",
            ROW.format("", "MCC", *SCORES[1:]),
            ROW.format(f"at {here}", *_cells(self.at_validation_share)),
            ROW.format(f"at {there}", *_cells(self.at_prevalence)),
            self._cost_at_prevalence(),
            f"calibration at {here} (fitted to {_percent(self.training_share)}): expected calibration "
            f"error {self.reliability.expected_calibration_error:.3f} (a perfectly calibrated net's on as many clips: "
            f"{self.chance_calibration_error[0]:.3f} on average, up to {self.chance_calibration_error[1]:.3f} by "
            f"chance), Brier score {self.brier_score:.4f}",
        ]
        return "\n".join([*lines, self.note] if self.note else lines)

    def _cost_at_prevalence(self) -> str:
        """The threshold for the share that is really met, and what the chosen one costs there."""
        point, (lowest, highest) = self.best_at_prevalence, self.choice_at_prevalence.threshold_interval
        there, (mcc, precision, *_) = _percent(point.share), _cells(point)
        if not 0 < self.stalled < self.clips:
            return f"one class alone is there, so no scores at {there}"
        if point.threshold == self.best.threshold:
            return f"at {there} the same threshold is the best"
        return (
            f"at {there} it costs {point.mcc - self.at_prevalence.mcc:.3f} of MCC: the best there is "
            f"{point.threshold:.2f} ({lowest:.2f} to {highest:.2f}) with MCC {mcc}, precision {precision}; to answer "
            f"for that share: r42 --threshold {point.threshold:.2f}"
        )

    def content(self) -> dict[str, Any]:
        """All of it as plain values for threshold.json, None where a value is undefined."""
        calibration = {
            "edges": self.reliability.edges,
            "clips": self.reliability.counts,
            "mean_probability": self.reliability.mean_probability,
            "share_stalled": self.reliability.share_stalled,
            "expected_calibration_error": self.reliability.expected_calibration_error,
            "of_chance": self.chance_calibration_error,
            "brier_score": self.brier_score,
            "training_share": self.training_share,
        }
        names = ("true_positives", "false_positives", "false_negatives", "true_negatives")
        return _plain(
            {
                **asdict(self.best),
                "roc_auc": self.roc_auc,
                "clips": self.clips,
                "stalled": self.stalled,
                "curve": _by_threshold(self.curve),
                "confusion": dict(zip(names, self.counts, strict=True)),
                "at_validation_share": asdict(self.at_validation_share),
                "at_prevalence": asdict(self.at_prevalence),
                "best_at_prevalence": {
                    **asdict(self.best_at_prevalence),
                    "threshold_interval": self.choice_at_prevalence.threshold_interval,
                    "optimism": self.choice_at_prevalence.optimism,
                },
                "curve_at_prevalence": _by_threshold(self.curve_at_prevalence),
                "calibration": calibration,
            }
        )


def evaluate(
    labels: np.ndarray, probabilities: np.ndarray, seed: int, prevalence: float, training_share: float
) -> Evaluation:
    """Score out-of-fold answers.

    labels: (n,) 0 or 1; probabilities: (n,) 0-1; seed: of all resamples; prevalence, training_share: the shares of
    stalled clips that are really met, and that the probabilities were fitted to.
    """
    best = best_threshold(labels, probabilities, seed)
    choice_at_prevalence = best_threshold(labels, probabilities, seed, share=prevalence)
    return Evaluation(
        clips=len(labels),
        stalled=int(np.sum(labels)),
        roc_auc=roc_auc(labels, probabilities),
        counts=confusion(labels, is_stalled(probabilities, best.threshold)),
        best=best,
        at_validation_share=operating_point(labels, probabilities, best.threshold),
        at_prevalence=operating_point(labels, probabilities, best.threshold, prevalence),
        choice_at_prevalence=choice_at_prevalence,
        best_at_prevalence=operating_point(labels, probabilities, choice_at_prevalence.threshold, prevalence),
        curve=mcc_curve(labels, probabilities),
        curve_at_prevalence=mcc_curve(labels, probabilities, prevalence),
        reliability=reliability(labels, probabilities),
        chance_calibration_error=chance_calibration_error(probabilities, seed=seed),
        brier_score=brier_score(labels, probabilities),
        note=note_on_constant(probabilities),
        training_share=training_share,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} % stalled"


def _cells(point: OperatingPoint) -> list[str]:
    """The point's scores with their intervals."""
    scores = ((getattr(point, name), *getattr(point, f"{name}_interval")) for name in SCORES)
    return ["{:.3f} ({:.3f} to {:.3f})".format(*score) if score[0] == score[0] else "undefined" for score in scores]


def _by_threshold(curve: np.ndarray) -> dict[str, float]:
    return {f"{threshold:.2f}": mcc for threshold, mcc in zip(THRESHOLDS, curve, strict=True)}


def _plain(value: Any) -> Any:
    """JSON's own kinds of values; it has no NaN."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(inner) for inner in value]
    number = value.item() if isinstance(value, np.generic) else value
    return None if number != number else number
