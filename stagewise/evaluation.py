"""What out-of-fold answers say: the best threshold, its scores at two shares of stalled clips, and calibration."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stagewise.calibration import Reliability, brier_score, chance_calibration_error, reliability
from stagewise.operating_point import SCORES, OperatingPoint, operating_point
from stagewise.score import (
    THRESHOLDS,
    BestThreshold,
    best_threshold,
    confusion,
    is_stalled,
    mcc_curve,
    note_on_constant,
    roc_auc,
)


@dataclass(frozen=True)
class Evaluation:
    """The scores of out-of-fold answers to `clips` clips, `stalled` of which are.

    best: the threshold for the clips as they are; counts: `confusion` at it. here: its scores at the clips' own share
    of stalled ones; there: its scores at the share that is really met. best_there: the threshold for that share;
    beyond: the scores of that one, there. curve, curve_there: (96,) MCC at `THRESHOLDS`.
    """

    clips: int
    stalled: int
    roc_auc: float
    counts: tuple[int, int, int, int]
    best: BestThreshold
    here: OperatingPoint
    there: OperatingPoint
    best_there: BestThreshold
    beyond: OperatingPoint
    curve: np.ndarray
    curve_there: np.ndarray
    reliability: Reliability
    chance_calibration_error: tuple[float, float]
    brier_score: float
    note: str

    def __str__(self) -> str:
        best, there, (low, high) = self.best, self.best_there.threshold, self.best.threshold_interval
        tp, fp, fn, tn = self.counts
        shares = [f"{100 * point.share:.3g} % stalled" for point in (self.here, self.there)]
        rows = (
            ("", "MCC", *SCORES[1:]),
            (f"{shares[0]}, as here", *_cells(self.here)),
            (f"{shares[1]}", *_cells(self.there)),
            (f"{shares[1]}, above {there:.2f}", *_cells(self.beyond)),
        )
        return "\n".join(
            (
                f"out of fold: ROC AUC {self.roc_auc:.4f}, MCC {best.mcc:.4f} (95 % of resamples: "
                f"{best.mcc_interval[0]:.4f} to {best.mcc_interval[1]:.4f}) at threshold {best.threshold:.2f} "
                f"({low:.2f} to {high:.2f}); choosing it on the clips that it is scored on flatters MCC by about "
                f"{best.optimism:.3f}",
                f"threshold {best.threshold:.2f} is for {shares[0]}, as these {self.clips} clips are; above it lie "
                f"{tp} of {tp + fn} stalled and {fp} of {fp + tn} flowing clips (95 % intervals below)",
                *("  {:<28}{:<24}{:<24}{:<24}{}".format(*row).rstrip() for row in rows),
                f"at {shares[1]} it has {self.beyond.mcc - self.there.mcc:.3f} less MCC than the threshold best there, "
                f"{there:.2f} ({self.best_there.threshold_interval[0]:.2f} to "
                f"{self.best_there.threshold_interval[1]:.2f}); for that share, give r42 --threshold {there:.2f}",
                f"calibration at {shares[0]}: expected calibration error "
                f"{self.reliability.expected_calibration_error:.3f} (by chance alone, on so many clips: "
                f"{self.chance_calibration_error[0]:.3f}, in 5 % of cases above "
                f"{self.chance_calibration_error[1]:.3f}), Brier score {self.brier_score:.4f}",
                *([self.note] if self.note else []),
            )
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
                "at_validation_share": asdict(self.here),
                "at_prevalence": asdict(self.there),
                "best_at_prevalence": {
                    **asdict(self.beyond),
                    "threshold_interval": self.best_there.threshold_interval,
                    "optimism": self.best_there.optimism,
                },
                "curve_at_prevalence": _by_threshold(self.curve_there),
                "calibration": calibration,
            }
        )


def evaluate(labels: np.ndarray, probabilities: np.ndarray, seed: int, prevalence: float) -> Evaluation:
    """Score out-of-fold answers.

    labels: (n,) 0 or 1; probabilities: (n,) 0-1; seed: of all resamples; prevalence: the share of stalled clips that is
    really met.
    """
    best = best_threshold(labels, probabilities, seed)
    best_there = best_threshold(labels, probabilities, seed, share=prevalence)
    return Evaluation(
        clips=len(labels),
        stalled=int(np.sum(labels)),
        roc_auc=roc_auc(labels, probabilities),
        counts=confusion(labels, is_stalled(probabilities, best.threshold)),
        best=best,
        here=operating_point(labels, probabilities, best.threshold),
        there=operating_point(labels, probabilities, best.threshold, prevalence),
        best_there=best_there,
        beyond=operating_point(labels, probabilities, best_there.threshold, prevalence),
        curve=mcc_curve(labels, probabilities),
        curve_there=mcc_curve(labels, probabilities, prevalence),
        reliability=reliability(labels, probabilities),
        chance_calibration_error=chance_calibration_error(probabilities, seed=seed),
        brier_score=brier_score(labels, probabilities),
        note=note_on_constant(probabilities),
    )


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
