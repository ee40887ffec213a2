"""Eight flips, each once, undone by themselves, averaged."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from stagewise.nets.densenet3d import densenet3d
from stagewise.recipes.d121 import D121
from stagewise.tta import FLIPS, flip, predict_flips

NET = replace(D121.net, input_shape=(16, 16, 20), blocks=(1, 1), growth_rate=4, stem_filters=8, head_units=4)
BATCH = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 20, 3), np.uint8)


def test_flips_are_every_subset_of_the_axes_once():
    assert FLIPS[0] == ()
    assert {frozenset(axes) for axes in FLIPS} == {
        frozenset(axis for axis in range(3) if number >> axis & 1) for number in range(8)
    }
    assert len(FLIPS) == 8


@pytest.mark.parametrize("axes", FLIPS)
def test_flip_moves_voxels_within_each_clip_and_twice_is_identity(axes):
    flipped = flip(BATCH, axes)
    assert (flipped.dtype, flipped.shape) == (BATCH.dtype, BATCH.shape)
    np.testing.assert_array_equal(flip(flipped, axes), BATCH)
    place = [5, 3, 7]
    mirrored = [BATCH.shape[1 + axis] - 1 - at if axis in axes else at for axis, at in enumerate(place)]
    np.testing.assert_array_equal(flipped[(slice(None), *mirrored)], BATCH[(slice(None), *place)])


def by_loops(predict, batch):
    """The mean over flips, written out clip by clip and axis by axis."""
    answers = []
    for clip in batch:
        of_flips = []
        for t in (1, -1):
            for h in (1, -1):
                for w in (1, -1):
                    of_flips.append(predict(clip[None, ::t, ::h, ::w].copy())[0])
        answers.append(np.mean(of_flips, axis=0))
    return np.array(answers)


def test_mean_over_flips_equals_plain_loops_on_arrays():
    weights = np.random.default_rng(1).normal(size=(*BATCH.shape[1:], 2))

    def predict(batch):
        assert batch.dtype == np.uint8
        return np.tanh(np.tensordot(batch / 255.0, weights, axes=4) / 50)

    found = predict_flips(predict, BATCH)
    assert found.shape == (3, 2)
    assert np.abs(found - predict(BATCH)).max() > 1e-2
    np.testing.assert_allclose(found, by_loops(predict, BATCH), rtol=1e-12)


def test_mean_over_flips_of_a_real_net_equals_plain_loops():
    model = densenet3d(NET)

    def predict(batch):
        return keras.ops.convert_to_numpy(model(batch, training=False))

    assert predict(flip(BATCH, (0,))) != pytest.approx(predict(BATCH), abs=1e-5)
    np.testing.assert_allclose(predict_flips(predict, BATCH), by_loops(predict, BATCH), atol=1e-5)
