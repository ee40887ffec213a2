"""Sizes that tell the label are told of; sizes that tell nothing, and habits of projects, are not."""

import numpy as np
import pandas as pd
import pytest

from stagewise.checks import giveaways
from stagewise.checks.giveaways import FEWEST, MEASURES, MOST, find_giveaway, giveaway_notes

SHARE = 0.3


def clips(count: int, seed: int, wider: float = 0) -> pd.DataFrame:
    """Clips of random sizes and labels; stalled ones are `wider` by so many pixels, with a deviation of 15."""
    generator = np.random.default_rng(seed)
    stalled = (generator.random(count) < SHARE).astype(int)
    return pd.DataFrame(
        {
            "stalled": stalled,
            "width": generator.normal(70 + wider * stalled, 15).astype(int),
            "height": generator.normal(70, 15, count).astype(int),
            "frames": generator.integers(20, 100, count),
            "grey_level": generator.normal(60, 10, count),
        }
    )


def with_habits(count: int, seed: int, projects: int = 6) -> pd.DataFrame:
    """Clips whose label and width hang on the project each, and on each other through it alone."""
    generator, table = np.random.default_rng(seed), clips(count, seed)
    project = generator.integers(0, projects, count)
    table["stalled"] = (generator.random(count) < np.linspace(0.1, 0.7, projects)[project]).astype(int)
    table["width"] = generator.normal(np.linspace(50, 110, projects)[project], 10).astype(int)
    return table.assign(project_id=project.astype(str))


@pytest.fixture
def few_shuffles(monkeypatch):
    """A fifth of the time, for tables in which nothing is close."""
    monkeypatch.setattr(giveaways, "SHUFFLES", 8)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_that_tells_the_label_is_found_and_named(few_shuffles, measure):
    table = clips(300, seed=0)
    table[measure] = table[measure] + 40 * table["stalled"]
    line, warning = giveaway_notes(table)
    assert line.startswith("sizes and grey level alone: MCC 0.")
    assert f"; most {measure.replace('_', ' ')}: MCC 0." in warning and warning.startswith("warning: ")


@pytest.mark.parametrize("seed", range(4))
def test_random_sizes_are_within_chance(seed):
    result = find_giveaway(clips(200, seed))
    low, high = result.chance
    assert low < result.mcc < high and not result.found and not result.alone
    assert low < 0 < high < 0.4  # about 2.58 / sqrt(200)


def test_the_note_on_random_sizes_is_a_line_without_warning(few_shuffles):
    (line,) = giveaway_notes(clips(200, seed=0).assign(project_id=""))
    assert line.endswith("stalled and " + line.rpartition("stalled and ")[2])
    assert line.endswith("flowing clips, folds by chance") and "(chance: -0." in line


def test_rare_stalled_clips_are_told_as_frequent_ones_are(few_shuffles):
    table = clips(1500, seed=0, wider=60)
    rare = pd.concat([table[table["stalled"] == 0], table[table["stalled"] == 1][:25]])
    assert find_giveaway(rare).mcc > 0.5


def test_habits_of_projects_are_no_giveaway_and_sizes_within_projects_are(few_shuffles):
    table = with_habits(400, seed=1)
    assert find_giveaway(table.drop(columns="project_id")).found  # which is what keeping them apart is for
    apart = find_giveaway(table)
    assert apart.by_project and not apart.found
    table["width"] += 40 * table["stalled"]
    assert find_giveaway(table).found


def test_projects_of_one_class_each_are_taken_as_clips_are(few_shuffles):
    table = clips(200, seed=0, wider=60)
    result = find_giveaway(table.assign(project_id=table["stalled"].astype(str)))
    assert result.found and not result.by_project


def test_constant_sizes_tell_nothing(few_shuffles):
    table = clips(100, seed=0).assign(**dict.fromkeys(MEASURES, 50))
    result = find_giveaway(table)
    assert (result.mcc, result.chance, result.found) == (0, (0, 0), False)


@pytest.mark.parametrize("stalled", [0, 1, FEWEST - 1])
def test_too_few_clips_of_a_class_are_left_out_with_a_word(stalled):
    table = clips(100, seed=0).assign(stalled=[1] * stalled + [0] * (100 - stalled))
    (line,) = giveaway_notes(table)
    assert f"left out, {stalled} stalled and {100 - stalled} flowing clips are too few" in line
    table["stalled"] = 1 - table["stalled"]
    assert "left out" in giveaway_notes(table)[0]


def test_the_same_table_and_seed_tell_the_same(few_shuffles):
    table = with_habits(300, seed=0)
    first, again, other = (find_giveaway(table, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.chance != other.chance


def test_shuffled_measures_stay_in_their_project():
    groups = np.random.default_rng(0).integers(0, 4, 100)
    rows = giveaways._shuffled(groups, np.random.default_rng(1))
    np.testing.assert_array_equal(groups[rows], groups)
    assert sorted(rows) == list(range(100)) and (rows != np.arange(100)).mean() > 0.8


def test_the_work_is_bounded_whatever_the_number_of_clips(monkeypatch):
    fits = []
    monkeypatch.setattr(giveaways, "_held_out_mcc", lambda measures, *_: fits.append(len(measures)) or 0.0)
    table = clips(573_048, seed=0)
    table["stalled"] = (np.arange(len(table)) < 1887).astype(int)  # as many as of the real ones
    (line,) = giveaway_notes(table)
    assert f"1887 stalled and {MOST - 1887} flowing clips, of 573048 drawn by seed 42" in line
    assert len(fits) == giveaways.FOLDS * (1 + giveaways.SHUFFLES) and set(fits) == {MOST}
