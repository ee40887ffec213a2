"""The full ensemble only where it can still change the answer: most clips are plainly flowing after one look.

A clip is answered "flowing" as soon as a probability is at or below a margin: that of the first fold's net for the
clip as it is, then the mean of all folds for the clip as it is. What is left gets all folds and all flips.
Answering "stalled" early would gain nothing, for there are few of them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stagewise.data.tables import read_oof_table
from stagewise.files import paths
from stagewise.machine.workers import WorkerPool
from stagewise.messages.commands import OUT_OF_FOLD
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.prediction.threshold import read_scores
from stagewise.recipes.answers import FlippedMean
from stagewise.scores.score import is_stalled

PILOT_SHARE, PILOT_LEAST = 0.02, 100  # of the clips, answered in full first
STALLED_PART = 0.8  # of the bound: stalled clips lost below a margin, few of which are known; the rest is for flips
LEVELS = 2


@dataclass(frozen=True)
class Margins:
    """The probabilities up to which a clip is settled, by the first net and by all nets.

    expected: the share of answers that settling by them changes.
    """

    first: float
    folds: float
    expected: float


@dataclass(frozen=True)
class AdaptiveAnswers:
    """probabilities: (n, folds), NaN where a fold was not asked; passes: (n,) forward passes behind them.

    full: the passes of a clip without all this; pilot, pilot_changed: clips answered in full first, and how many of
    their answers the margins would have changed.
    """

    probabilities: np.ndarray
    passes: np.ndarray
    full: int
    margins: Margins
    pilot: int
    pilot_changed: int

    def __str__(self) -> str:
        passes, whole, margins = self.passes.sum(), len(self.passes) * self.full, self.margins
        return (
            f"settled as flowing: {np.mean(self.passes < self.full):.1%} of {len(self.passes)} clips, with a first "
            f"probability of at most {margins.first:.4f} or a mean over folds of at most {margins.folds:.4f}\n"
            f"forward passes: {passes}, {whole / passes:.1f} times fewer than {whole}\n"
            f"expected share of changed answers: {margins.expected:.1e}; measured on {self.pilot} clips that "
            f"were answered in full: {self.pilot_changed} changed"
        )


def read_out_of_fold(plan: InferencePlan, prevalence: float, bound: float) -> pd.DataFrame:
    """What r41 wrote of the plan's stage, as for `read_oof_table`.

    Raises InputError where it is not there, is of other weights than the plan's, or holds too few stalled clips for
    `learn_margins` to keep the bound; and where the recipe does not answer by the means that margins are of.
    """
    if not isinstance(plan.recipe.answer, FlippedMean):
        raise InputError(
            f"--adaptive knows margins for a recipe that answers by {FlippedMean.__name__}, not by "
            f"{type(plan.recipe.answer).__name__}; leave it out"
        )
    if any(len(files) > 1 for files in plan.weights):
        raise InputError("--adaptive knows margins for one net a fold, and this recipe has snapshots; leave it out")
    mend = f"run: {plan.command(OUT_OF_FOLD)}"
    read_scores(plan.stage, plan.weights_sha256, mend)
    table = read_oof_table(paths.oof_csv(plan.stage), mend)
    _losses_allowed(int(table["stalled"].sum()), prevalence, bound)
    return table


def _losses_allowed(stalled: int, prevalence: float, bound: float) -> int:
    """How many of the stalled clips out of fold may lie below the margins: the largest k of `learn_margins`."""
    allowed = int(STALLED_PART * bound / prevalence * (stalled + 1)) - 1
    if allowed < 0:
        raise InputError(
            f"{stalled} stalled clips out of fold are too few for --adaptive {bound:g} at --prevalence "
            f"{prevalence:g}: it takes {int(np.ceil(prevalence / (STALLED_PART * bound))) - 1}; give a larger bound, "
            "or leave --adaptive out"
        )
    return allowed


def learn_margins(oof: pd.DataFrame, pilot: np.ndarray, threshold: float, prevalence: float, bound: float) -> Margins:
    """The largest margins with an expected share of changed answers within the bound.

    Two kinds of change count. A stalled clip settled as flowing: the share of stalled out-of-fold clips at or below
    the margin, (k + 1) / (n + 1) of them (Laplace's rule), times the prevalence. And a clip that the full ensemble
    calls stalled after all: every first look of the pilot, in log odds, with every difference between a last and
    a first look in it, as if the two were independent; n x n pairs reach where n clips do not.

    oof: of `predict_out_of_fold`. pilot: (m, 8, folds) probabilities of clips answered in full. threshold: above it
    is stalled. prevalence: the expected share of stalled clips. bound: on the share of changed answers.

    Raises InputError where too few stalled clips are known for the bound.
    """
    stalled = np.sort(oof.loc[oof["stalled"] == 1, "unflipped"].to_numpy())
    allowed = _losses_allowed(len(stalled), prevalence, bound)
    cap = np.nextafter(stalled[allowed], 0) if allowed < len(stalled) else 1.0
    cap = min(cap, threshold)  # nothing above it can be settled as flowing
    lost = prevalence * (np.searchsorted(stalled, cap, side="right") + 1) / (len(stalled) + 1)
    last, part = pilot.mean(axis=(1, 2)), (1 - STALLED_PART) * bound / LEVELS
    (first, first_share), (folds, folds_share) = (
        _margin(look, last, threshold, cap, part) for look in (pilot[:, 0, 0], pilot[:, 0].mean(axis=1))
    )
    return Margins(first, folds, float(lost + first_share + folds_share))


def _margin(look: np.ndarray, last: np.ndarray, threshold: float, cap: float, part: float) -> tuple[float, float]:
    """The largest look, up to the cap, with a share of pairs that change of at most `part`; and that share."""
    ordered = np.sort(look)
    moves = np.sort(_log_odds(last) - _log_odds(look))
    beyond = len(moves) - np.searchsorted(moves, _log_odds(threshold) - _log_odds(ordered), side="right")
    ends = np.searchsorted(ordered, ordered, side="right") - 1  # equal looks are settled all or none
    share = np.cumsum(beyond)[ends] / len(moves) / len(ordered)
    settled = np.count_nonzero((share <= part) & (ordered <= cap))
    return (float(ordered[settled - 1]), float(share[settled - 1])) if settled else (-1.0, 0.0)


def _log_odds(probability: np.ndarray | float) -> np.ndarray:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def predict_adaptive(
    plan: InferencePlan, oof: pd.DataFrame, threshold: float, prevalence: float, bound: float, seed: int, workers: int
) -> AdaptiveAnswers:
    """Answer the plan's clips, first a pilot in full, then each as far as its answer can still change.

    seed: of the pilot's draw; the rest as for `learn_margins`, which also says what is raised.
    """
    from stagewise.prediction.ensemble import merge
    from stagewise.prediction.predict import load_nets, volume_predictor

    nets, answer = [net for (net,) in load_nets(plan).values()], plan.recipe.answer
    in_all = len(nets) * answer.views
    joined, volumes = merge(nets), np.array(plan.volumes, dtype=object)
    probabilities = np.full((len(volumes), len(nets)), np.nan)
    passes = np.full(len(volumes), in_all)
    pilot = _draw_pilot(len(volumes), seed)
    left, spent, all_folds = np.setdiff1d(np.arange(len(volumes)), pilot), 0, list(range(len(nets)))
    with WorkerPool(workers) as pool:
        in_full = volume_predictor(answer.shown(joined), plan, pool)
        answers = in_full(volumes[pilot], "pilot")
        probabilities[pilot] = answers.mean(axis=1)
        margins = learn_margins(oof, answers, threshold, prevalence, bound)
        levels = (
            ("first fold", lambda: volume_predictor(nets[0], plan, pool), [0], 1, margins.first),
            ("all folds", lambda: volume_predictor(joined, plan, pool), all_folds, len(nets), margins.folds),
            ("all folds and flips", lambda: in_full, all_folds, in_all, np.inf),
        )
        for what, compiled, folds, cost, margin in levels:
            if not len(left):
                break
            looks = compiled()(volumes[left], what).reshape(len(left), -1, len(folds)).mean(axis=1)
            spent += cost
            settled = looks.mean(axis=1) <= margin
            probabilities[np.ix_(left[settled], folds)] = looks[settled]
            passes[left[settled]] = spent
            left = left[~settled]
    changed = _changed(answers, threshold, margins)
    return AdaptiveAnswers(probabilities, passes, in_all, margins, len(pilot), changed)


def _draw_pilot(clips: int, seed: int) -> np.ndarray:
    """Which of the clips are answered in full first, in their order."""
    size = min(clips, max(PILOT_LEAST, int(PILOT_SHARE * clips)))
    return np.sort(np.random.default_rng([seed, size]).choice(clips, size, replace=False))


def _changed(pilot: np.ndarray, threshold: float, margins: Margins) -> int:
    """How many clips of the pilot would have been settled as flowing, and are called stalled in full."""
    settled = (pilot[:, 0, 0] <= margins.first) | (pilot[:, 0].mean(axis=1) <= margins.folds)
    return int(np.sum(settled & is_stalled(pilot.mean(axis=(1, 2)), threshold)))
