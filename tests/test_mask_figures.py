"""Figures and pictures of masks: true to their captions, and nothing small is lost."""

import base64

import cv2
import numpy as np
import pytest

from stagewise.pictures.outlines import ANSWER, SIDE, TRUTH, outlined, png_uri
from stagewise.recipes.mask_rules import Doublet, Triplet
from stagewise.report import mask_figures, svg
from stagewise.report.mask_figures import SIZES
from stagewise.report.mask_rows import HEADS, rule_rows
from stagewise.scores.doubtful_masks import sureness, worst_first
from stagewise.scores.mask_counts import MaskCounts, count_image, dice_of, joined
from stagewise.scores.rule_choice import choose_rules

RULE = Triplet(0.75, 3000, 0.3)


@pytest.fixture(scope="module")
def counts() -> MaskCounts:
    generator, images = np.random.default_rng(0), []
    for number in range(60):
        truth = np.zeros((128, 128), bool)
        size = int(generator.integers(3, 40))
        truth[10 : 10 + size, 20 : 20 + size] = number % 3 == 0
        noise = generator.normal(0.1, 0.15, truth.shape)
        images.append(count_image(np.clip(0.7 * truth + noise, 0, 1).astype(np.float32), truth))
    return joined(images)


@pytest.fixture
def axes_and_caption(monkeypatch):
    monkeypatch.setattr(mask_figures, "inline", lambda axes, name, caption: (axes, caption))


@pytest.mark.parametrize("rule", [RULE, Doublet(0.4, 1000), Doublet(0.6)])
def test_dice_over_thresholds_is_that_of_each_rule(counts, rule, axes_and_caption):
    axes, caption = mask_figures.dice_over_thresholds(counts, rule)
    plain, by_bottom, by_top, dots = axes.lines
    for threshold, score in zip(*plain.get_data(), strict=True):
        assert score == pytest.approx(dice_of(counts, Doublet(threshold)).mean())
    for threshold, score in zip(*by_bottom.get_data(), strict=True):
        assert score == pytest.approx(dice_of(counts, Triplet(rule.top, rule.area, threshold)).mean())
    for threshold, score in zip(*by_top.get_data(), strict=True):
        assert score == pytest.approx(dice_of(counts, Triplet(threshold, rule.area, rule.bottom)).mean())
    assert dots.get_xdata().tolist() == [rule.bottom, rule.top]
    assert f"{dice_of(counts, rule).mean():.4f} by the {rule}" in caption


def test_dice_by_size_has_every_positive_image_once(counts, axes_and_caption):
    dice = dice_of(counts, RULE)
    axes, caption = mask_figures.dice_by_size(counts, dice)
    numbers = [int(text.get_text()) for text in axes.texts]
    assert sum(numbers) == 20 and "of the 20 images" in caption
    means = [bar.lines[0].get_ydata()[0] for bar in axes.containers]
    assert np.dot(means, numbers) / 20 == pytest.approx(dice[counts.positive].mean())
    assert f"{100 * np.mean(dice[counts.positive] < 1e-3):.3g} % are missed" in caption
    larger = counts.truth[counts.positive] * 64  # pixels of 1024x1024
    assert numbers[0] == np.sum((larger >= 1000) & (larger < 2000)) and numbers[-1] == np.sum(larger >= 32_000)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["<1", "1–2", "2–4", "4–8", "8–16", "16–32", ">32"]
    assert [bar.lines[0].get_xdata()[0] for bar in axes.containers] == sorted(set(np.digitize(larger, SIZES)))


def test_figures_are_in_the_pages_colours(counts):
    with svg.style():
        pictures = [mask_figures.dice_over_thresholds(counts, RULE)]
        pictures.append(mask_figures.dice_by_size(counts, dice_of(counts, RULE)))
    assert all("var(--stalled)" in picture.svg and len(picture.svg) < 40_000 for picture in pictures)


def test_the_table_of_rules_has_a_row_a_candidate(counts):
    choice = choose_rules(counts, np.arange(60) % 4, {"winner": RULE})
    rows = rule_rows(choice)
    assert [len(row) for row in rows] == [len(HEADS)] * 4
    assert rows[0][0] == str(choice.named("triplet").rule) and rows[3][0] == "winner: triplet (0.75, 3000, 0.3)"
    assert rows[0][1].startswith(f"{choice.nested[0, 0]:.4f} (") and rows[0][-1] == ""


def of_picture(values: list[tuple[int, float]]) -> MaskCounts:
    """The counts of an image of so many pixels of each probability. values: (pixels, probability)."""
    probabilities = np.zeros((1024, 1024), np.float32)
    start = 0
    for pixels, probability in values:
        probabilities.flat[start : start + pixels] = probability
        start += pixels
    return count_image(probabilities, np.zeros(probabilities.shape, bool))


def test_a_net_is_less_sure_the_more_pixels_lie_between():
    images = [[], [(9000, 0.95)], [(300, 0.5)], [(9000, 0.95), (5000, 0.5)], [(9000, 0.5)], [(40_000, 0.5)]]
    sure = sureness(joined([of_picture(image) for image in images]))
    assert sure[0] == sure[1] == 1 and (np.diff(sure[1:]) < 0).all() and sure[-1] > 0


def test_the_worst_images_come_first():
    assert worst_first(np.array([0.5, 0.0, 1.0, 0.0])).tolist() == [1, 3, 0, 2]


def test_outlines_lie_around_their_masks_at_any_size():
    image = np.full((1024, 768), 90, np.uint8)
    truth = np.zeros(image.shape, bool)
    truth[300:500, 200:400] = True
    answer = cv2.resize(truth.astype(np.uint8), (384, 512), interpolation=cv2.INTER_NEAREST)
    for mask, colour in ((truth, TRUTH), (answer, ANSWER)):
        picture = outlined(image, [(mask, colour)])
        assert picture.shape == (SIDE, 288, 3) and picture.dtype == np.uint8
        drawn = np.argwhere((picture != 90).any(axis=2)) / 0.375
        assert np.abs(drawn.min(axis=0) - (300, 200)).max() < 6 and np.abs(drawn.max(axis=0) - (500, 400)).max() < 6
        assert (picture[150, 110] == 90).all()  # inside, nothing is drawn


def test_a_mask_of_one_pixel_is_seen_and_an_empty_one_is_not():
    image, mask = np.zeros((1024, 1024), np.uint8), np.zeros((1024, 1024), bool)
    assert not outlined(image, [(mask, TRUTH)]).any()
    mask[700, 300] = True
    assert np.argwhere(outlined(image, [(mask, TRUTH)]).any(axis=2)).tolist()


def test_a_picture_in_the_page_is_the_picture():
    picture = outlined(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64), [])
    kind, content = png_uri(picture).split(",")
    assert kind == "data:image/png;base64"
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded, picture)
