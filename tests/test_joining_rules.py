"""Ways to join stages: what must hold of each, whatever the stages."""

import made_stages
import numpy as np
import pytest

from stagewise.joining.comparing import MCC, answer_nested, compare
from stagewise.joining.rules import (
    fit_ranks,
    fit_stacking,
    fit_weighted_mean,
    joining_rules,
    single_stages,
)
from stagewise.scores.score import THRESHOLDS, best_threshold, is_stalled, roc_auc

TABLE = made_stages.clips()
LABELS, FOLDS = TABLE["stalled"].to_numpy(), TABLE["fold"].to_numpy()
GOOD, OTHER = (made_stages.guesses(LABELS, 2.0, seed) for seed in (1, 2))
NOISE = np.random.default_rng(3).random(len(LABELS))
NEW = np.random.default_rng(4).random((500, 3))  # probabilities of clips that nothing was fitted to


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch):
    """Of the bootstrap; its own tests have all."""
    monkeypatch.setattr("stagewise.scores.paired.RESAMPLES", 200)


def stages(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack(columns)


def joined(probabilities: np.ndarray, labels: np.ndarray = LABELS, folds: np.ndarray = FOLDS, project=None):
    count = probabilities.shape[1]
    singles = single_stages([f"stage_{number}" for number in range(count)])
    return compare(singles, joining_rules(count), (labels, folds, probabilities), project, seed=0)


RULES = [*single_stages("abc"), *joining_rules(3)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_clips_answer_hangs_on_its_own_probabilities_alone(rule):
    joint = rule.fit(LABELS, stages(GOOD, OTHER, NOISE))
    scores = joint.of(NEW)
    assert scores.min() >= 0 and scores.max() <= 1
    alone = np.concatenate([joint.of(NEW[row : row + 1]) for row in range(len(NEW))])
    np.testing.assert_array_equal(alone, scores)


@pytest.mark.parametrize("rule", RULES[3:], ids=lambda rule: rule.name)
def test_joining_a_stage_with_itself_changes_no_answer(rule):
    joint, alone = rule.fit(LABELS, stages(GOOD, GOOD, GOOD)), RULES[0].fit(LABELS, stages(GOOD, GOOD, GOOD))
    same = np.repeat(NEW[:, :1], 3, axis=1)
    answers, expected = (is_stalled(j.of(same), j.threshold) for j in (joint, alone))
    if rule.name in ("ranks", "stacking"):  # monotone in the probability, so that both cut it once
        order = np.argsort(same[:, 0])
        assert (np.diff(joint.of(same)[order]) >= 0).all()
        between = same[answers != expected, 0]  # where no clip tells one threshold from the other
        own = joint.of(stages(GOOD, GOOD, GOOD))
        assert not len(between) or np.ptp(between) < 0.1
        assert joined_mcc(own, joint.threshold) == pytest.approx(joined_mcc(GOOD, alone.threshold), abs=0.02)
    else:
        np.testing.assert_array_equal(answers, expected)


def joined_mcc(scores: np.ndarray, threshold: float) -> float:
    return float(np.corrcoef(LABELS, is_stalled(scores, threshold))[0, 1])


def test_of_a_stage_with_itself_the_single_one_is_taken():
    comparison = joined(stages(GOOD, GOOD))
    assert comparison.simplest == 0
    names = [candidate.name for candidate in comparison.candidates]
    same, votes = [[names.index(name) for name in some] for some in (("mean", "weighted"), ("1-of-2", "2-of-2"))]
    for difference in (comparison.difference, comparison.difference_interval):
        assert not difference[same].any()
        assert not difference[votes, MCC].any()  # votes know no more than two ranks


def test_a_stage_of_noise_is_given_up():
    both = stages(GOOD, NOISE)
    stacked, weighted = fit_stacking(LABELS, both), fit_weighted_mean(LABELS, both)
    assert abs(stacked.coefficients[1]) < 0.15 * stacked.coefficients[0]
    assert weighted.weights[1] < 0.2
    comparison = joined(both)
    assert comparison.candidates[comparison.simplest].name == "stage_0"
    by_name = {c.name: comparison.scores[number, MCC] for number, c in enumerate(comparison.candidates)}
    assert by_name["stacking"] > by_name["stage_0"] - 0.05 > by_name["stage_1"]


def test_two_views_of_a_clip_are_joined_where_they_plainly_help():
    table = made_stages.clips(2000)
    labels, folds = table["stalled"].to_numpy(), table["fold"].to_numpy()
    comparison = joined(stages(*(made_stages.guesses(labels, 3.0, seed) for seed in (1, 2))), labels, folds)
    assert comparison.candidates[comparison.simplest].name in ("mean", "ranks")
    assert comparison.difference_interval[comparison.simplest, :, 0].min() > 0


def test_on_pure_noise_nested_scores_are_at_chance():
    """Scores on the clips that weights and thresholds were fitted to are not: they are far above it."""
    table = made_stages.clips(600)
    labels, folds = table["stalled"].to_numpy(), table["fold"].to_numpy()
    flattered = []
    for seed in range(2):
        comparison = joined(np.random.default_rng(seed).random((600, 4)), labels, folds)
        assert (comparison.interval[:, MCC, 0] <= 0.02).all() and (comparison.interval[:, MCC, 1] >= -0.02).all()
        assert np.abs(comparison.scores[:, MCC]).max() < 0.15
        assert comparison.simplest == 0
        flattered += [c.own_mcc for c in comparison.candidates]
    assert np.mean(flattered) > 0.05


def test_stacking_is_at_chance_where_folds_differ_in_their_share_of_stalled_clips():
    """An intercept that follows the other folds' share would rank a fold of many stalled clips lower."""
    generator = np.random.default_rng(0)
    folds = np.repeat(np.arange(4), 150)
    labels = (generator.random(600) < np.array([0.1, 0.3, 0.5, 0.7])[folds]).astype(int)
    stacking = joining_rules(2)[-1]
    aucs = [
        roc_auc(labels, answer_nested(stacking, labels, folds, generator.random((600, 2))).scores) for _ in range(5)
    ]
    assert np.mean(aucs) > 0.44


def test_a_clips_own_label_has_no_part_in_its_nested_answer():
    probabilities = stages(GOOD, OTHER)
    own = FOLDS == 1
    turned = np.where(own, 1 - LABELS, LABELS)
    for rule in joining_rules(2):
        first, second = (answer_nested(rule, labels, FOLDS, probabilities) for labels in (LABELS, turned))
        np.testing.assert_array_equal(first.scores[own], second.scores[own])
        np.testing.assert_array_equal(first.answers[own], second.answers[own])


@pytest.mark.parametrize("power", [0.2, 5])
def test_ranks_know_a_probability_by_its_order_alone(power):
    first = fit_ranks(LABELS, stages(GOOD, OTHER, NOISE))
    changed = fit_ranks(LABELS, stages(GOOD**power, OTHER, NOISE))
    new = np.column_stack([NEW[:, 0] ** power, NEW[:, 1:]])
    np.testing.assert_allclose(changed.of(new), first.of(NEW), atol=1e-12)
    assert changed.threshold == first.threshold


def test_ranks_are_shares_of_out_of_fold_clips_below():
    labels = np.array([0, 0, 0, 0, 1, 1])
    column = np.array([0.1, 0.2, 0.2, 0.3, 0.25, 0.9])
    joint = fit_ranks(labels, column[:, None])
    # flowing clips below, of equal ones half, of 4; stalled ones of 2; each class half
    np.testing.assert_allclose(
        joint.of(np.array([[0.0], [0.2], [0.26], [1.0]])), [0, 2 / 4 / 2, (3 / 4 + 1 / 2) / 2, 1]
    )


def test_votes_are_counted_as_by_hand():
    table = stages(GOOD, OTHER, NOISE)
    votes = {rule.name: rule.fit(LABELS, table) for rule in joining_rules(3) if "-of-" in rule.name}
    assert list(votes) == ["2-of-3", "3-of-3", "1-of-3"]
    own = [best_threshold(LABELS, column).threshold for column in table.T]  # each as r41 chooses it
    for needed, name in ((1, "1-of-3"), (2, "2-of-3"), (3, "3-of-3")):
        by_hand = [sum(p > t for p, t in zip(row, own, strict=True)) >= needed for row in NEW]
        assert is_stalled(votes[name].of(NEW), votes[name].threshold).tolist() == by_hand


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_weights_are_shares_and_do_not_hang_on_the_order_of_stages(count):
    columns = np.column_stack([made_stages.guesses(LABELS, 2.0 + k, k) for k in range(count)])
    order = np.random.default_rng(0).permutation(count)
    first, second = fit_weighted_mean(LABELS, columns), fit_weighted_mean(LABELS, columns[:, order])
    assert first.weights.sum() == pytest.approx(1) and first.weights.min() >= 0
    np.testing.assert_allclose(first.weights[order], second.weights, atol=1e-9)
    assert roc_auc(LABELS, first.of(columns)) >= max(roc_auc(LABELS, column) for column in columns.T) - 1e-9
    assert first.threshold in THRESHOLDS


def test_weights_are_as_good_as_any_mixture_where_the_good_ones_lie_apart():
    generator, parts = np.random.default_rng(0), np.linspace(0, 1, 11)
    for _ in range(40):
        labels = (generator.random(200) < 0.1).astype(int)
        columns = generator.random((200, 2)) + 0.1 * labels[:, None]
        best = max(roc_auc(labels, columns @ (part, 1 - part)) for part in parts)
        assert roc_auc(labels, fit_weighted_mean(labels, columns).of(columns)) >= best - 1e-9


def test_alike_clips_of_few_projects_make_a_difference_less_sure():
    probabilities = stages(GOOD, OTHER)
    project = np.arange(len(LABELS)) % 5
    narrow, wide = (joined(probabilities, project=p).difference_interval for p in (None, project))
    assert np.ptp(wide[1, MCC]) > np.ptp(narrow[1, MCC])
