"""The rule chosen out of fold, and what the choice is worth."""

import itertools
import json

import numpy as np
import pytest

from stagewise.files import paths, xray_paths
from stagewise.masks.rule_file import read_rule, write_rule
from stagewise.messages.errors import InputError
from stagewise.recipes.mask_rules import Doublet, Triplet
from stagewise.scores.dice import dice
from stagewise.scores.mask_counts import MaskCounts, count_image, dice_of, joined
from stagewise.scores.rule_choice import ALL, NEGATIVE, POSITIVE, best_of, choose_rules, grid_sums
from stagewise.scores.rule_table import content, told
from stagewise.xrays.counts_table import read_counts, write_counts

GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
AREAS = (0, 3000, 20_000, 60_000)


def answers(images: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Masks, half of them empty, and probabilities of a net that is at times faintly sure of what is not there."""
    generator, masks, probabilities = np.random.default_rng(seed), [], []
    for number in range(images):
        truth = np.zeros((32, 32), bool)
        top, left = generator.integers(2, 20, 2)
        truth[top : top + 9, left : left + 9] = number % 2
        sure = 0.85 * truth if number % 2 else 0.6 * np.pad(np.ones((7, 7)), ((3, 22), (5, 20))) * (number % 4 == 0)
        noise = generator.normal(0, 0.12, truth.shape)
        masks.append(truth)
        probabilities.append(np.clip(sure + noise, 0, 1).astype(np.float32))
    return masks, probabilities


MASKS, PROBABILITIES = answers(40)
FOLDS = np.arange(40) // 8
COUNTS = joined([count_image(p, t, GRID) for p, t in zip(PROBABILITIES, MASKS, strict=True)])


def mean_dice(rule, rows) -> float:
    return np.mean([dice(MASKS[row], rule.mask(PROBABILITIES[row])) for row in rows])


def every_rule(kind: str) -> list:
    if kind == "triplet":
        return [Triplet(t, a, b) for t, a, b in itertools.product(GRID, AREAS, GRID) if t >= b]
    return [Doublet(s, a) for s in GRID for a in (AREAS if kind == "doublet" else (0,))]


@pytest.fixture(scope="module")
def choice():
    return choose_rules(COUNTS, FOLDS, {"always empty": Doublet(0.9, 10**6)}, AREAS, seed=1)


@pytest.mark.parametrize("kind", ["triplet", "doublet", "threshold"])
def test_the_best_of_all_rules_of_a_kind_is_chosen(choice, kind):
    candidate = choice.named(kind)
    best = max(mean_dice(rule, range(40)) for rule in every_rule(kind))
    assert mean_dice(candidate.rule, range(40)) == pytest.approx(best, abs=1e-9)
    assert candidate.own.mean() == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("kind", ["triplet", "doublet", "threshold"])
def test_each_fold_is_scored_by_the_rule_that_the_others_choose(choice, kind):
    candidate = choice.named(kind)
    for fold in range(5):
        inside = np.isin(FOLDS, fold)
        own, others = np.flatnonzero(inside), np.flatnonzero(~inside)
        rule = candidate.of_folds[fold]
        assert mean_dice(rule, others) == pytest.approx(max(mean_dice(r, others) for r in every_rule(kind)), abs=1e-9)
        expected = [dice(MASKS[row], rule.mask(PROBABILITIES[row])) for row in own]
        assert candidate.nested[own] == pytest.approx(expected, abs=1e-12)


def test_a_folds_own_images_have_no_say_in_its_rule(choice):
    """Quirk of the original: thresholds were scored on the fold that they were chosen on."""
    spoilt = MaskCounts(GRID, *(np.copy(v) for v in (COUNTS.pixels, COUNTS.truth, COUNTS.above, COUNTS.common)))
    spoilt.common[FOLDS == 2] = 0
    changed = choose_rules(spoilt, FOLDS, areas=AREAS).named("triplet")
    assert changed.of_folds[2] == choice.named("triplet").of_folds[2]


def test_a_richer_kind_is_no_worse_on_the_images_that_it_was_chosen_on(choice):
    triplet, doublet, threshold, empty = choice.own[:, ALL]
    assert triplet >= doublet >= threshold and triplet > empty
    assert (empty, choice.empty) == (pytest.approx(0.5), pytest.approx(0.5))
    assert choice.nested[3].tolist() == choice.own[3].tolist()
    assert (choice.own[3, POSITIVE], choice.own[3, NEGATIVE]) == (pytest.approx(0, abs=1e-6), 1)


def test_the_means_are_of_the_images_of_each_kind(choice):
    for row, candidate in enumerate(choice.candidates):
        for group, of in ((ALL, np.ones(40, bool)), (POSITIVE, COUNTS.positive), (NEGATIVE, ~COUNTS.positive)):
            assert choice.nested[row, group] == pytest.approx(candidate.nested[of].mean())
            low, high = choice.nested_interval[row, group]
            assert low <= choice.nested[row, group] <= high
    leads = choice.nested[0, ALL] - choice.nested[:, ALL]
    assert choice.difference == pytest.approx(leads) and choice.difference_interval[0].tolist() == [0, 0]
    low, high = choice.difference_interval[3]
    assert 0 < low < choice.difference[3] < high


def test_the_sums_of_the_grid_are_those_of_every_rule():
    sums = grid_sums(COUNTS, AREAS)
    for rule in every_rule("triplet"):
        place = GRID.index(rule.top), AREAS.index(rule.area), GRID.index(rule.bottom)
        assert sums[place] == pytest.approx(dice_of(COUNTS, rule).sum())


def test_the_best_of_a_few_rules_is_that_of_the_highest_mean_over_images():
    rules = (Doublet(0.5), Triplet(0.7, 20_000, 0.5), Triplet(0.9, 3000, 0.3), Triplet(0.7, 20_000, 0.5))
    rule, score = best_of(COUNTS, rules)
    assert score == pytest.approx(max(mean_dice(each, range(40)) for each in rules)) and rule is rules[1]


def test_the_simpler_kinds_are_among_the_richer_ones():
    truth, spot = np.zeros((2, 32, 32), bool)
    truth[:16], spot[:2, 0] = True, True
    half = [np.float32(0.5) * mask for mask in (truth, spot)]  # never very sure: enough pixels tell them apart alone
    pairs = zip(half, (truth, np.zeros_like(spot)), strict=True)
    counts = joined([count_image(p, mask, (0.3, 0.7)) for p, mask in pairs])
    choice = choose_rules(counts, np.arange(2), areas=(0, 10_000))
    assert choice.named("triplet").rule == Triplet(0.3, 10_000, 0.3) and choice.own[:2, ALL].tolist() == [1, 1]
    assert choice.named("threshold").rule.area == 0 and choice.own[2, ALL] < 0.51
    with pytest.raises(ValueError, match="a plain threshold has an area of 0"):
        choose_rules(counts, FOLDS, areas=(300,))


def test_of_equal_rules_the_one_in_their_middle_is_taken():
    truth = np.zeros((32, 32), bool)
    truth[:16] = True
    counts = joined([count_image(np.where(truth, 0.95, 0.2).astype(np.float32), truth, GRID)] * 4)
    chosen = choose_rules(counts, np.arange(4) % 2, areas=(0,))
    assert chosen.named("threshold").rule == Doublet(0.5)  # 0.3 to 0.9 are alike
    assert chosen.named("threshold").own.tolist() == [1] * 4


@pytest.mark.parametrize("rows", [FOLDS == 3, (FOLDS == 3) & ~COUNTS.positive])
def test_one_fold_or_one_kind_of_image_leaves_scores_undefined_and_says_so(rows):
    choice = choose_rules(COUNTS.rows(rows), FOLDS[rows], areas=AREAS)
    assert np.isnan(choice.nested).all() and np.isfinite(choice.own[:, ALL]).all()
    assert "one fold alone is there" in told(choice)
    assert json.loads(json.dumps(content(choice), allow_nan=False))["candidates"]["triplet"]["of_folds"] == []


def test_the_same_seed_gives_the_same_intervals(choice):
    again = choose_rules(COUNTS, FOLDS, {"always empty": Doublet(0.9, 10**6)}, AREAS, seed=1)
    assert told(again) == told(choice) and content(again) == content(choice)
    assert (
        content(choose_rules(COUNTS, FOLDS, areas=AREAS, seed=2))["candidates"]["triplet"]
        != (content(choice)["candidates"]["triplet"])
    )


def test_it_is_told_as_a_table(choice):
    lines = told(choice).splitlines()
    assert lines[0].startswith("out of fold, 40 images, 20 with a pneumothorax")
    assert str(choice.named("triplet").rule) in lines[2]
    assert lines[5].startswith("  always empty: doublet (0.9, 1000000)  0.5000 (")
    assert lines[6].split() == ["empty", "masks", "0.5000", "0.0000", "1.0000", "0.5000"]
    assert lines[7].startswith("the triplet's Dice less that of another: doublet ")
    plain = json.loads(json.dumps(content(choice), allow_nan=False))
    assert plain["candidates"]["always empty"]["rule"] == {"top": 0.9, "area": 10**6, "bottom": 0.9}
    assert plain["candidates"]["threshold"]["dice"]["all"]["own"] == choice.own[2, ALL]


NAMES = [f"image_{number}" for number in range(40)]


@pytest.fixture
def table(root):
    path = xray_paths.oof_csv("stage")
    write_counts(path, NAMES, FOLDS, COUNTS)
    return path


def test_the_table_comes_back(table):
    names, folds, counts = read_counts(table, "run: r41")
    assert names == NAMES and folds.tolist() == FOLDS.tolist() and counts.grid == GRID
    for name in ("pixels", "truth", "above", "common"):
        assert np.array_equal(getattr(counts, name), getattr(COUNTS, name))


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("above_0.5", "-1", "is less than 0"),
        ("above_0.5", "x", "is not a number"),
        ("above_0.5", "1025", "pixels '1024' is less than those above a threshold"),
        ("above_0.9", "1000", "is less than at a higher threshold"),
        ("common_0.9", "500", "is less than those of the mask above a threshold"),
        ("mask_pixels", "5000", "pixels '1024' is less than its mask's"),
        ("fold", "", "is blank"),
        ("filename", "image_0", "stands there a second time"),
    ],
)
def test_a_row_that_no_image_has_is_refused_by_its_line(table, column, value, problem):
    lines = table.read_text().splitlines()
    cells = lines[3].split(",")
    cells[lines[0].split(",").index(column)] = value
    table.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    with pytest.raises(InputError) as error:
        read_counts(table, "run: r41")
    assert f"{paths.shown(table)}, line 4: " in str(error.value)
    assert problem in str(error.value) and str(error.value).endswith("; run: r41")


@pytest.mark.parametrize(("before", "after"), [("common_0.5", "common_0.6"), ("above_0.5", "above_x")])
def test_thresholds_that_do_not_fit_are_refused(table, before, after):
    table.write_text(table.read_text().replace(before, after))
    with pytest.raises(InputError, match="not the same ascending thresholds"):
        read_counts(table, "run: r41")


WEIGHTS = {"0": "a" * 64, "1": "b" * 64}


@pytest.fixture
def rule(root, choice):
    return write_rule("stage", choice, "triplet", WEIGHTS, 32, 1)


def test_the_rule_comes_back_for_the_same_weights(rule, choice):
    assert rule == choice.named("triplet").rule == read_rule("stage", WEIGHTS, "run: r41")
    written = json.loads(xray_paths.rule_json("stage").read_text())
    assert written["rule"] == {"kind": "triplet", "top": rule.top, "area": rule.area, "bottom": rule.bottom}
    assert (written["side"], written["area_of_side"], written["seed"]) == (32, 1024, 1)
    assert written["grid"] == {"scores": list(GRID), "areas": list(AREAS)}
    with pytest.raises(InputError, match=r"rule\.json was not chosen with the present weights of fold 1; run: r41"):
        read_rule("stage", WEIGHTS | {"1": "c" * 64}, "run: r41")


@pytest.mark.parametrize(
    ("before", "after"), [('"top"', '"tip"'), ('"area_of_side": 1024', '"area_of_side": 512'), ("{", "")]
)
def test_a_damaged_rule_is_refused(rule, before, after):
    path = xray_paths.rule_json("stage")
    path.write_text(path.read_text().replace(before, after, 1 if before != '"top"' else -1))
    with pytest.raises(InputError, match=r"rule\.json .*; run: r41"):
        read_rule("stage", WEIGHTS, "run: r41")


def test_a_missing_rule_names_what_makes_it(root):
    with pytest.raises(InputError, match=r"no rule models/stage/rule\.json; run: r41"):
        read_rule("stage", WEIGHTS, "run: r41")


def test_of_rules_that_are_one_the_choice_is_not_pulled_to_those_with_most_names():
    """An area of 0 keeps every mask whatever the top: 19 triplets that are one threshold count once."""
    images = []
    for number in range(6):
        truth = np.zeros((64, 64), bool)
        truth[: 30 * (number % 2), :30] = True
        images.append(count_image(np.where(truth, np.float32(0.72), np.float32(0.1)), truth))
    choice = choose_rules(joined(images), np.arange(6) % 2, areas=(0, 300))
    rule = choice.named("triplet").rule
    assert rule.area > 0 and rule.top < 0.72
