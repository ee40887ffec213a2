"""Scores at another share of stalled clips are those of clips in that share, and their intervals hold the truth."""

import json

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, precision_score, recall_score

from stagewise.scores import score
from stagewise.scores.evaluation import evaluate
from stagewise.scores.operating_point import jeffreys_interval, operating_point


@pytest.fixture
def answers():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], (60, 140))
    return labels, np.clip(generator.normal(0.35 + 0.3 * labels, 0.18), 0, 1)


@pytest.fixture
def rarer(answers):
    """The same answers with every flowing clip there nine times: 60 of 1,320 are stalled."""
    labels, probabilities = answers
    return np.repeat(labels, np.where(labels, 1, 9)), np.repeat(probabilities, np.where(labels, 1, 9))


def test_another_share_scores_as_if_clips_came_in_that_share(answers, rarer):
    share = rarer[0].mean()
    np.testing.assert_allclose(score.mcc_curve(*answers, share), score.mcc_curve(*rarer), atol=1e-12)
    assert score.best_threshold(*answers, share=share).threshold == score.best_threshold(*rarer).threshold
    point, called = operating_point(*answers, 0.5, share), rarer[1] > 0.5
    assert point.mcc == pytest.approx(matthews_corrcoef(rarer[0], called))
    assert point.precision == pytest.approx(precision_score(rarer[0], called))
    assert point.sensitivity == pytest.approx(recall_score(rarer[0], called))
    assert point.specificity == pytest.approx(recall_score(1 - rarer[0], ~called))


def test_without_a_share_the_clips_own_holds(answers):
    point, called = operating_point(*answers, 0.5), answers[1] > 0.5
    assert point.share == 0.3
    assert point.mcc == pytest.approx(matthews_corrcoef(answers[0], called))
    assert point.precision == pytest.approx(precision_score(answers[0], called))


def test_no_false_positive_among_few_clips_does_not_make_the_precision_sure():
    labels = np.repeat([1, 0], (50, 50))
    point = operating_point(labels, labels * 0.9, 0.5, share=0.003)
    assert (point.precision, point.precision_interval[1]) == (1, 1)
    assert point.precision_interval[0] < 0.1
    assert point.mcc_interval[0] < 0.3
    assert 0.94 < point.specificity_interval[0] < 0.96
    many = np.repeat([1, 0], (50, 50_000))
    assert operating_point(many, many * 0.9, 0.5, share=0.003).precision_interval[0] > 0.95


@pytest.mark.parametrize(("sensitivity", "specificity", "share"), [(0.9, 0.98, 0.003), (0.7, 0.9, 0.3)])
def test_intervals_hold_the_true_scores_in_about_95_of_100_cases(sensitivity, specificity, share):
    labels, generator, held = np.repeat([1, 0], (80, 300)), np.random.default_rng(0), np.zeros(4)
    rates = share * sensitivity, (1 - share) * (1 - specificity), share * (1 - sensitivity), (1 - share) * specificity
    truth = (score.mcc_of_counts(*rates), rates[0] / (rates[0] + rates[1]), sensitivity, specificity)
    for _ in range(200):
        called = generator.random(380) < np.where(labels, sensitivity, 1 - specificity)
        point = operating_point(labels, called.astype(float), 0.5, share)
        intervals = (getattr(point, f"{name}_interval") for name in ("mcc", "precision", "sensitivity", "specificity"))
        held += [low <= value <= high for value, (low, high) in zip(truth, intervals, strict=True)]
    assert (held / 200 > 0.9).all() and (held / 200 < 0.995).all()


def test_jeffreys_interval_is_closed_by_all_or_none():
    assert jeffreys_interval(0, 10)[0] == 0 and jeffreys_interval(10, 0)[1] == 1
    low, high = jeffreys_interval(5, 5)
    assert low == pytest.approx(1 - high) and low == pytest.approx(0.2235, abs=1e-3)  # Beta(5.5, 5.5) at 0.025


def test_choosing_a_threshold_on_noise_flatters_and_the_optimism_says_by_how_much():
    generator, flattered, told = np.random.default_rng(0), [], []
    for _ in range(40):
        labels = generator.permutation(np.repeat([1, 0], (40, 60)))
        best = score.best_threshold(labels, generator.random(100), resamples=200)
        flattered.append(best.mcc)  # the true MCC of any threshold is 0
        told.append(best.optimism)
    assert np.mean(flattered) > 0.1
    assert np.mean(told) == pytest.approx(np.mean(flattered), rel=0.35)


def test_the_text_says_which_share_the_threshold_is_for_and_what_it_costs_at_the_other(answers):
    evaluation = evaluate(*answers, seed=1, prevalence=0.003, training_share=0.25)
    shown = str(evaluation)
    here, there = evaluation.best.threshold, evaluation.choice_at_prevalence.threshold
    assert there > here  # rare stalled clips ask for more certainty
    assert f"threshold {here:.2f} is the best at 30 % stalled" in shown
    cost = evaluation.best_at_prevalence.mcc - evaluation.at_prevalence.mcc
    assert cost > 0
    assert f"at 0.3 % stalled it costs {cost:.3f} of MCC: the best there is {there:.2f}" in shown
    assert f"r42 --threshold {there:.2f}" in shown
    assert "calibration at 30 % stalled (fitted to 25 % stalled)" in shown


@pytest.mark.parametrize("labels", [[1], [0], [0, 0, 0], [1, 1]])
def test_a_missing_class_leaves_scores_undefined_and_the_file_valid_json(labels):
    evaluation = evaluate(np.array(labels), np.full(len(labels), 0.4), seed=1, prevalence=0.003, training_share=0.25)
    content = json.loads(json.dumps(evaluation.content(), allow_nan=False))
    assert content["at_prevalence"]["mcc"] is None
    assert content["roc_auc"] is None
    assert content["at_validation_share"]["sensitivity" if labels[0] == 0 else "specificity"] is None
    assert "one class alone is there" in str(evaluation)
    assert "nan" not in str(evaluation).replace("ROC AUC nan", "")
