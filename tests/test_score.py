"""Scores agree with scikit-learn, at every threshold, with one rule for "above"."""

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from stagewise.scores import score


@pytest.fixture
def answers():
    generator = np.random.default_rng(0)
    labels = (generator.random(300) < 0.3).astype(int)
    return labels, np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)


def test_mcc_curve_is_scikit_learns_at_every_threshold(answers):
    labels, probabilities = answers
    expected = [matthews_corrcoef(labels, probabilities > threshold) for threshold in score.THRESHOLDS]
    np.testing.assert_allclose(score.mcc_curve(labels, probabilities), expected, atol=1e-12)


def test_a_probability_on_the_threshold_is_flowing_everywhere():
    on_it = np.array([0.7, 0.7, 0.7001, 0.7001])
    labels = np.array([0, 0, 1, 1])
    assert score.is_stalled(on_it, 0.7).tolist() == [False, False, True, True]
    assert score.mcc_curve(labels, on_it)[np.flatnonzero(score.THRESHOLDS == 0.7)[0]] == 1


def test_thresholds_are_the_winners():
    assert len(score.THRESHOLDS) == 96
    assert (score.THRESHOLDS[0], score.THRESHOLDS[-1]) == (0.02, 0.97)


def test_best_threshold_is_a_maximum_inside_its_interval(answers):
    best = score.best_threshold(*answers)
    curve = score.mcc_curve(*answers)
    assert best.mcc == curve.max()
    assert curve[np.flatnonzero(best.threshold == score.THRESHOLDS)[0]] == best.mcc
    assert best.threshold_interval[0] <= best.threshold <= best.threshold_interval[1]
    assert best.mcc_interval[0] < best.mcc < best.mcc_interval[1]


def test_equally_good_thresholds_give_the_middle_one():
    best = score.best_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert best.threshold == pytest.approx(0.5, abs=0.011)


def test_bootstrap_is_that_of_resampled_rows(answers):
    labels, probabilities = answers
    generator = np.random.default_rng(1)
    rows = (generator.integers(0, len(labels), len(labels)) for _ in range(300))
    direct = [score.mcc_curve(labels[chosen], probabilities[chosen]).max() for chosen in rows]
    interval = score.best_threshold(labels, probabilities).mcc_interval
    np.testing.assert_allclose(interval, np.percentile(direct, (2.5, 97.5)), atol=0.04)


def test_constant_probabilities_score_zero():
    assert score.best_threshold(np.array([0, 1, 1]), np.full(3, 0.5)).mcc == 0


def test_one_class_has_no_auc():
    assert np.isnan(score.roc_auc(np.ones(3), np.array([0.1, 0.2, 0.3])))


def test_confusion_counts_stalled_as_positive():
    assert score.confusion([1, 1, 0, 0, 0], [1, 0, 1, 0, 0]) == (1, 1, 1, 2)
