"""The sample order is a pure function of (seed, stage, fold, epoch, index)."""

from dataclasses import replace

import numpy as np
import pytest

from stagewise.data.clips import require_both_classes
from stagewise.messages.errors import InputError
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.sampling import AUGMENTATION, ROW, ByChance, SampleKey

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
    sampling = ByChance(share=0.25, steps_per_epoch=1)
    rows = np.array([sampling.row(STALLED, replace(KEY, index=index)) for index in range(4000)])
    assert STALLED[rows].mean() == pytest.approx(0.25, abs=0.02)
    for members in (rows[rows < 5], rows[rows >= 5]):
        counts = np.unique(members, return_counts=True)[1]
        assert len(counts) in (5, 95)
        assert counts.std() < 2 * np.sqrt(counts.mean())


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
