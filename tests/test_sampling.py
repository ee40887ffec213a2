"""The sample order is a pure function of (seed, stage, fold, epoch, index)."""

import time
from dataclasses import replace

import numpy as np
import pytest

from stagewise.data.clips import require_both_classes
from stagewise.messages.errors import InputError
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.sampling import AUGMENTATION, ROW, ByChance, EachClipOnce, EachStalledOnce, SampleKey

KEY = SampleKey(seed=1, stage="net_d121_stage1", fold=0, epoch=0, index=0)
STALLED = np.array([1] * 5 + [0] * 95)


def test_same_key_same_row_and_every_part_of_the_key_counts():
    def stream(key: SampleKey) -> list[float]:
        return key.generator(ROW).random(4).tolist()

    assert stream(KEY) == stream(replace(KEY))
    changed = [
        replace(KEY, **{name: value})
        for name, value in (("seed", 2), ("stage", "net_d121_stage2_auc"), ("fold", 1), ("epoch", 1), ("index", 1))
    ]
    assert len({tuple(stream(key)) for key in (KEY, *changed)}) == 6
    assert KEY.generator(AUGMENTATION).random() != KEY.generator(ROW).random()


def test_a_quarter_is_stalled_and_rows_are_drawn_evenly_within_their_class():
    draw = ByChance(share=0.25, steps_per_epoch=1).draws(STALLED)
    rows = np.array([draw(replace(KEY, index=index)) for index in range(4000)])
    assert STALLED[rows].mean() == pytest.approx(0.25, abs=0.02)
    for members in (rows[rows < 5], rows[rows >= 5]):
        counts = np.unique(members, return_counts=True)[1]
        assert len(counts) in (5, 95)
        assert counts.std() < 2 * np.sqrt(counts.mean())


def of_epoch(stalled: np.ndarray, key: SampleKey, batch_size: int = 4) -> list[int]:
    sampling = EachStalledOnce(flowing_for_each=3)
    draw = sampling.draws(stalled)
    return [draw(replace(key, index=index)) for index in range(batch_size * sampling.steps(stalled, batch_size))]


def test_an_epoch_has_each_stalled_clip_once_and_three_flowing_ones_for_it():
    assert EachStalledOnce(3).steps(STALLED, batch_size=4) == STALLED.sum()
    assert EachStalledOnce(3).stalled_share() == 0.25
    for epoch in range(3):
        rows = np.array(of_epoch(STALLED, replace(KEY, epoch=epoch)))
        assert len(rows) == 20
        assert sorted(rows[STALLED[rows] == 1]) == [0, 1, 2, 3, 4]
    many = np.array([row for epoch in range(300) for row in of_epoch(STALLED, replace(KEY, epoch=epoch))])
    counts = np.bincount(many, minlength=100)[5:]  # of the flowing rows: 15 of 95 in each of 300 epochs
    assert counts.std() < 2 * np.sqrt(counts.mean())


def test_its_order_is_shuffled_anew_by_seed_stage_fold_and_epoch_and_hangs_on_no_draw_before():
    first = of_epoch(STALLED, KEY)
    others = [("seed", 2), ("stage", "other"), ("fold", 1), ("epoch", 1)]
    assert len({tuple(first), *(tuple(of_epoch(STALLED, replace(KEY, **{name: new}))) for name, new in others)}) == 5
    draw = EachStalledOnce(3).draws(STALLED)
    backwards = [draw(replace(KEY, index=index)) for index in reversed(range(20))]
    assert backwards[::-1] == first
    places = [of_epoch(STALLED, replace(KEY, epoch=epoch)).index(0) for epoch in range(40)]
    assert len(set(places)) > 10


def test_a_batch_that_the_stalled_clips_do_not_fill_gets_further_flowing_ones():
    rows = np.array(of_epoch(STALLED, KEY, batch_size=8))
    assert len(rows) == 24
    assert sorted(rows[STALLED[rows] == 1]) == [0, 1, 2, 3, 4]


def test_a_draw_out_of_half_a_million_rows_takes_no_longer_than_out_of_a_hundred():
    def seconds(stalled: np.ndarray) -> float:
        draw = EachStalledOnce(3).draws(stalled)
        draw(KEY)
        times = []
        for index in range(1, 400):
            begun = time.perf_counter()
            draw(replace(KEY, index=index))
            times.append(time.perf_counter() - begun)
        return float(np.median(times))

    few, many = np.repeat([1, 0], [100, 300]), np.repeat([1, 0], [1800, 540_000])
    assert seconds(many) < 3 * seconds(few)


def test_validation_takes_every_stalled_row_and_so_many_flowing_ones_from_all_over_the_file():
    kept = BestEpoch("auc", flowing_per_stalled=4)
    rows = kept.validation_rows(STALLED, seed=1, fold=0)
    assert STALLED[rows].sum() == 5
    assert len(set(rows.tolist())) == len(rows) == 25
    assert rows.max() > 60  # not the first ones in file order
    assert rows.tolist() == kept.validation_rows(STALLED, seed=1, fold=0).tolist()
    assert rows.tolist() != kept.validation_rows(STALLED, seed=1, fold=1).tolist()


def test_validation_takes_all_flowing_rows_where_too_few_are_there():
    assert len(BestEpoch("auc", 1000).validation_rows(STALLED, seed=1, fold=0)) == 100


def test_a_missing_class_is_an_error():
    with pytest.raises(InputError, match=r"^the rows of fold 3 hold no stalled clip.*; mend it$"):
        require_both_classes(np.zeros(4), "the rows of fold 3", "mend it")


@pytest.mark.parametrize("batch_size", [1, 8])
def test_every_clip_comes_once_an_epoch_in_an_order_of_its_own_and_fills_up_the_last_batch(batch_size):
    sampling = EachClipOnce()
    draw, orders = sampling.draws(STALLED), []
    for key in (KEY, replace(KEY, epoch=1), replace(KEY, fold=1), replace(KEY, stage="another"), replace(KEY, seed=2)):
        steps = sampling.steps(STALLED, batch_size)
        rows = [draw(replace(key, index=index)) for index in range(steps * batch_size)]
        assert sorted(rows[:100]) == list(range(100)) and rows[100:] == rows[: len(rows) - 100]
        assert [sampling.draws(STALLED)(replace(key, index=index)) for index in (7, 3)] == [rows[7], rows[3]]
        orders.append(tuple(rows))
    assert len(set(orders)) == len(orders)
    assert len(orders[0]) - 100 < batch_size
