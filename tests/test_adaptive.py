"""The adaptive ensemble: within its bound, fewer passes, and the full answer wherever it went on."""

import numpy as np
import pandas as pd
import pytest

from stagewise.messages.errors import InputError
from stagewise.prediction.adaptive import learn_margins

THRESHOLD, FOLDS = 0.5, 5


def probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def looks(generator, clips: int, prevalence: float, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and the answers (n, 8, FOLDS) of nets that differ a little from fold to fold and flip to flip."""
    stalled = generator.random(clips) < prevalence
    clip = generator.normal(np.where(stalled, 4, -5), spread)[:, None, None]
    return stalled, probability(
        clip + generator.normal(0, 0.6, (clips, 1, FOLDS)) + generator.normal(0, 0.4, (clips, 8, FOLDS))
    )


def out_of_fold(generator: np.random.Generator) -> pd.DataFrame:
    stalled, answers = looks(generator, 4000, 0.25)
    return pd.DataFrame({"stalled": stalled.astype(int), "unflipped": answers[:, 0, 0]})


@pytest.mark.parametrize("bound", [1e-3, 1e-4])
def test_share_of_changed_answers_stays_under_the_bound_and_most_clips_are_settled_at_once(bound):
    generator = np.random.default_rng(0)
    stalled, answers = looks(generator, 200_000, 0.003)
    margins = learn_margins(out_of_fold(generator), answers[:300], THRESHOLD, 0.003, bound)
    assert 0 < margins.expected <= bound
    by_first = answers[:, 0, 0] <= margins.first
    settled = by_first | (answers[:, 0].mean(axis=1) <= margins.folds)
    called = answers.mean(axis=(1, 2)) > THRESHOLD
    assert np.mean(settled & called) <= bound
    assert np.mean(settled & stalled) <= bound
    passes = 1 + FOLDS * np.mean(~by_first) + 8 * FOLDS * np.mean(~settled)
    assert 8 * FOLDS / passes > 8


@pytest.mark.parametrize("bound", [1e-4, 0.05, 0.5])
def test_no_clip_is_settled_that_a_first_look_calls_stalled(bound):
    generator = np.random.default_rng(3)
    pilot = looks(generator, 300, 0.3)[1]
    margins = learn_margins(out_of_fold(generator), pilot, THRESHOLD, 0.003, bound)
    assert max(margins.first, margins.folds) <= THRESHOLD


def test_a_tighter_bound_settles_less():
    bounds = (1e-2, 1e-3, 1e-4)
    generator = np.random.default_rng(1)
    oof, (_, pilot) = out_of_fold(generator), looks(generator, 300, 0.003, spread=4)
    margins = [learn_margins(oof, pilot, THRESHOLD, 0.003, bound) for bound in bounds]
    for level in ("first", "folds"):
        values = [getattr(of_bound, level) for of_bound in margins]
        assert values == sorted(values, reverse=True) and values[0] > values[-1]


def test_nothing_is_settled_where_looks_say_nothing_of_the_last_answer():
    generator = np.random.default_rng(2)
    pilot = probability(generator.normal(0, 5, (300, 8, FOLDS)))
    pilot[:, 1:] = pilot[:, :1][::-1]
    margins = learn_margins(out_of_fold(generator), pilot, THRESHOLD, 0.003, 1e-4)
    assert np.mean(pilot[:, 0, 0] <= margins.first) < 0.02


def test_too_few_stalled_clips_for_the_bound_are_refused_with_the_number_it_takes():
    oof = pd.DataFrame({"stalled": [1] * 30 + [0] * 300, "unflipped": 0.5})
    pilot = np.full((100, 8, FOLDS), 0.01)
    with pytest.raises(InputError, match=r"30 stalled clips out of fold are too few .* it takes 37"):
        learn_margins(oof, pilot, THRESHOLD, 0.003, 1e-4)
    assert learn_margins(pd.concat([oof, oof.head(7)]), pilot, THRESHOLD, 0.003, 1e-4).expected <= 1e-4


@pytest.mark.parametrize("bound", [0.01, 0.5])
def test_equal_looks_are_settled_all_or_none(bound):
    oof = pd.DataFrame({"stalled": [1] * 2000 + [0] * 2000, "unflipped": [0.9] * 2000 + [0.01] * 2000})
    pilot = np.full((100, 8, FOLDS), 0.01)
    pilot[:3, 1:] = 0.9
    margins = learn_margins(oof, pilot, THRESHOLD, 0.003, bound)
    settled = (pilot[:, 0, 0] <= margins.first) | (pilot[:, 0].mean(axis=1) <= margins.folds)
    assert np.mean(settled & (pilot.mean(axis=(1, 2)) > THRESHOLD)) <= bound
    assert settled.any() == (bound > 0.1)
