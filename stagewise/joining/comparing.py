"""Ways to join, compared out of fold: what is fitted answers only clips that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stagewise.joining.joints import Joint
from stagewise.joining.rules import Rule
from stagewise.scores.paired import answers_scorer, interval_of, paired_resamples
from stagewise.scores.score import confusion, is_stalled, mcc_of_counts

AUC, MCC = 0, 1  # columns of scores
LINE = "  {:<{width}}  {:<9}{:<30}{:<8}{:<30}{}"


@dataclass(frozen=True)
class Fitted:
    """A rule, fitted to all clips, for new ones. own_mcc: on the clips that it was fitted to, which is flattered."""

    name: str
    joint: Joint
    own_mcc: float


@dataclass(frozen=True)
class Nested(Fitted):
    """Its answers to every clip, too, weights and thresholds from the other folds alone.

    scores: (n,) 0-1; answers: (n,) bool.
    """

    scores: np.ndarray
    answers: np.ndarray


def fit_whole(rule: Rule, labels: np.ndarray, probabilities: np.ndarray) -> Fitted:
    """Fit the rule to all clips; see `answer_nested`."""
    joint = rule.fit(labels, probabilities)
    counts = confusion(labels, is_stalled(joint.of(probabilities), joint.threshold))
    return Fitted(rule.name, joint, float(mcc_of_counts(*counts)))


def answer_nested(rule: Rule, labels: np.ndarray, folds: np.ndarray, probabilities: np.ndarray) -> Nested:
    """Fit the rule without each fold, and answer that fold's clips.

    labels: (n,) 0 or 1, both outside each fold; folds: (n,); probabilities: (n, stages).
    """
    scores, answers = np.empty(len(labels)), np.empty(len(labels), bool)
    for fold in np.unique(folds):
        own = folds == fold
        joint = rule.fit(labels[~own], probabilities[~own])
        scores[own] = joint.of(probabilities[own])
        answers[own] = is_stalled(scores[own], joint.threshold)
    return Nested(**vars(fit_whole(rule, labels, probabilities)), scores=scores, answers=answers)


@dataclass(frozen=True)
class Uncompared:
    """The one rule that was asked for, where none can be scored out of fold."""

    fitted: Fitted

    @property
    def candidates(self) -> list[Fitted]:
        """It alone."""
        return [self.fitted]

    def content(self) -> dict[str, dict[str, Any]]:
        """As `Comparison.content`, of what is known."""
        return {self.fitted.name: {"mcc_on_own_clips": self.fitted.own_mcc}}

    def __str__(self) -> str:
        score = f"MCC {self.fitted.own_mcc:.4f} on these clips"
        return f"{self.fitted.name}: {score}, flattered by whatever was fitted to them"


@dataclass(frozen=True)
class Comparison:
    """Single stages and joined ones, scored on the same clips.

    candidates: the single stages, the best of them first, then the ways to join, the simplest first; scores: (m, 2)
    nested `AUC` and `MCC`; interval: (m, 2, 2) 95 % of resamples of them; difference, difference_interval: from the
    best single stage; short: (m,) the lower end of the interval of how far its MCC lies below the best one's.
    """

    candidates: list[Nested]
    singles: int
    scores: np.ndarray
    interval: np.ndarray
    difference: np.ndarray
    difference_interval: np.ndarray
    short: np.ndarray

    @property
    def best(self) -> int:
        """The number of the candidate with the highest MCC, then ROC AUC; of equal ones the simplest."""
        return _best(self.scores)

    @property
    def simplest(self) -> int:
        """The number of the simplest candidate within the interval of the best one: of single stages the best alone."""
        eligible = [0, *range(self.singles, len(self.candidates))]
        return next((number for number in eligible if self.short[number] <= 0), self.best)

    def content(self) -> dict[str, dict[str, Any]]:
        """The scores as plain values, by the candidates' names."""
        tables = {
            "": self.scores,
            "_interval": self.interval,
            "_gain": self.difference,
            "_gain_interval": self.difference_interval,
        }
        return {
            candidate.name: {
                "mcc_on_own_clips": candidate.own_mcc,
                **{
                    f"{name}{what}": values[row, score].tolist()
                    for what, values in tables.items()
                    for score, name in ((AUC, "roc_auc"), (MCC, "mcc"))
                },
            }
            for row, candidate in enumerate(self.candidates)
        }

    def __str__(self) -> str:
        best = self.candidates[0].name
        width = max(len(candidate.name) for candidate in self.candidates)
        heads = ("ROC AUC", "less the best stage's", "MCC", "less the best stage's", "MCC fitted")
        lines = [
            "out of fold, weights and thresholds from the other folds (MCC fitted: from the same clips, so flattered); "
            f"in brackets 95 % of paired resamples; the best stage is {best}:",
            LINE.format("", *heads, width=width),
        ]
        for row, candidate in enumerate(self.candidates):
            auc, mcc = (f"{score:.4f}" for score in self.scores[row])
            more_auc, more_mcc = map(_with_interval, self.difference[row], self.difference_interval[row])
            lines.append(
                LINE.format(candidate.name, auc, more_auc, mcc, more_mcc, f"{candidate.own_mcc:.4f}", width=width)
            )
        return "\n".join(lines)


def _with_interval(difference: float, interval: np.ndarray) -> str:
    low, high = interval
    return f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"


def _best(scores: np.ndarray) -> int:
    """The first row of the highest MCC, then ROC AUC, as a table shows them."""
    return max(range(len(scores)), key=lambda row: (*np.round(scores[row, [MCC, AUC]], 9), -row))


def compare(
    singles: Sequence[Rule],
    joining: Sequence[Rule],
    clips: tuple[np.ndarray, np.ndarray, np.ndarray],
    project: np.ndarray | None,
    seed: int,
) -> Comparison:
    """Score every rule on the same clips.

    joining: the simplest first. clips: labels, folds and probabilities of `answer_nested`; project: of
    `projects_of_tables`; seed: of the resamples, which do not fit anew.
    """
    labels = clips[0]
    candidates = [answer_nested(rule, *clips) for rule in (*singles, *joining)]
    everyone = np.ones(len(labels))
    scorers = [answers_scorer(labels, candidate.scores, candidate.answers) for candidate in candidates]
    scores = np.array([scorer(everyone) for scorer in scorers])
    resamples = paired_resamples(scorers, len(labels), project, seed)
    first = _best(scores[: len(singles)])
    order = [first, *(number for number in range(len(candidates)) if number != first)]
    scores, resamples = scores[order], resamples[:, order]
    behind = resamples[:, [_best(scores)], MCC] - resamples[:, :, MCC]
    return Comparison(
        candidates=[candidates[number] for number in order],
        singles=len(singles),
        scores=scores,
        interval=interval_of(resamples),
        difference=scores - scores[0],
        difference_interval=interval_of(resamples - resamples[:, :1]),
        short=interval_of(behind)[:, 0],
    )
