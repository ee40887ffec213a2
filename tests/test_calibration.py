"""Reliability counts every clip once, in the right bin; its error is 0 for perfect probabilities and knows chance."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import brier_score_loss

from stagewise.scores.calibration import brier_score, chance_calibration_error, reliability
from stagewise.scores.curves import draw_mcc_curve, draw_reliability
from stagewise.scores.score import best_threshold, mcc_curve


def test_a_bin_ends_with_its_upper_edge_and_every_clip_is_in_one():
    bins = reliability(np.array([0, 1, 0, 1, 1]), np.array([0, 0.1, 0.100001, 0.9, 1]))
    assert bins.counts.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert bins.edges.tolist() == pytest.approx(np.arange(11) / 10)
    assert bins.share_stalled[[0, 1, 8, 9]].tolist() == [0.5, 0, 1, 1]
    assert np.isnan(bins.mean_probability[2:8]).all() and np.isnan(bins.share_stalled[2:8]).all()


def test_the_error_is_the_weighted_distance_of_share_and_probability():
    labels, probabilities = np.array([1, 0, 0, 0, 1, 1]), np.array([0.2, 0.2, 0.2, 0.2, 0.6, 0.8])
    expected = (4 * abs(0.25 - 0.2) + 1 * abs(1 - 0.6) + 1 * abs(1 - 0.8)) / 6
    assert reliability(labels, probabilities).expected_calibration_error == pytest.approx(expected)
    assert reliability(labels, probabilities, bins=1).expected_calibration_error == pytest.approx(0.5 - 2.2 / 6)


def test_perfect_answers_have_no_error():
    labels = np.array([0, 1, 1])
    assert reliability(labels, labels.astype(float)).expected_calibration_error == 0


def test_chance_explains_the_error_of_calibrated_probabilities_and_not_of_overconfident_ones():
    generator, beyond, beyond_sharpened = np.random.default_rng(0), 0, 0
    for _ in range(40):
        probabilities = generator.random(150)
        labels = generator.random(150) < probabilities
        sharpened = probabilities**3 / (probabilities**3 + (1 - probabilities) ** 3)
        most = chance_calibration_error(probabilities, draws=100)[1]
        beyond += reliability(labels, probabilities).expected_calibration_error > most
        most = chance_calibration_error(sharpened, draws=100)[1]
        beyond_sharpened += reliability(labels, sharpened).expected_calibration_error > most
    assert beyond <= 6
    assert beyond_sharpened >= 35


@pytest.mark.parametrize("probabilities", [[], [0.5, 1.1], [-0.1], [np.nan]])
def test_what_is_no_probability_is_refused(probabilities):
    with pytest.raises(ValueError, match="every probability from 0 to 1"):
        reliability(np.zeros(len(probabilities)), np.array(probabilities))


def test_brier_score_is_scikit_learns():
    generator = np.random.default_rng(0)
    labels, probabilities = generator.integers(0, 2, 50), generator.random(50)
    assert brier_score(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities))


def test_drawings_go_on_the_axes_given_and_leave_empty_bins_out():
    labels, probabilities = np.array([0, 0, 1, 1, 0, 1]), np.array([0.05, 0.5, 0.55, 0.95, 0.97, 0.99])
    left, right = Figure().subplots(1, 2)
    bins = reliability(labels, probabilities)
    draw_reliability(left, bins)
    (points,) = (line for line in left.lines if line.get_marker() == "o")
    assert points.get_xdata().tolist() == bins.mean_probability[bins.counts > 0].tolist()
    assert sorted(text.get_text() for text in left.texts) == sorted(str(count) for count in bins.counts if count)
    curve = mcc_curve(labels, probabilities)
    draw_mcc_curve(right, curve, best_threshold(labels, probabilities), 0.5)
    assert right.lines[0].get_ydata().tolist() == curve.tolist()
