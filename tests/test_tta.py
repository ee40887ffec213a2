"""Eight flips, each once, of every clip by itself."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from stagewise.nets.densenet3d import densenet3d
from stagewise.prediction.ensemble import merge
from stagewise.recipes.answers import FLIPS
from stagewise.recipes.d121 import D121

NET = replace(D121.net, input_shape=(16, 16, 20), blocks=(1, 1), growth_rate=4, stem_filters=8, head_units=4)
BATCH = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 20, 3), np.uint8)


def test_flips_are_every_subset_of_the_axes_once():
    assert FLIPS[0] == ()
    assert {frozenset(axes) for axes in FLIPS} == {
        frozenset(axis for axis in range(3) if number >> axis & 1) for number in range(8)
    }
    assert len(FLIPS) == 8


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


def test_flips_in_one_model_equal_plain_loops_on_the_net():
    model = merge([densenet3d(NET, seed=seed) for seed in (0, 1)])

    def predict(batch):
        return keras.ops.convert_to_numpy(model(batch, training=False))

    answers = keras.ops.convert_to_numpy(D121.answer.shown(model).predict_on_batch(BATCH))
    assert answers.shape == (3, 8, 2)
    np.testing.assert_allclose(answers[:, 0], predict(BATCH), atol=1e-5)
    assert np.ptp(answers, axis=1).min() > 1e-4  # no two flips are one
    np.testing.assert_allclose(answers.mean(axis=1), by_loops(predict, BATCH), atol=1e-5)


@pytest.mark.parametrize("axes", FLIPS)
def test_each_flip_moves_the_voxels_of_its_axes_and_no_clip(axes):
    clip = keras.Input((4, 4, 4, 3), dtype="uint8")
    weights = np.random.default_rng(1).normal(size=(4, 4, 4, 3, 1)).astype("float32")
    net = keras.Model(clip, keras.ops.tensordot(keras.ops.cast(clip, "float32"), weights, axes=4))
    batch = BATCH[:, :4, :4, :4]
    answers = keras.ops.convert_to_numpy(D121.answer.shown(net).predict_on_batch(batch))[:, FLIPS.index(axes), 0]
    mirrored = batch[(slice(None), *(slice(None, None, -1 if axis in axes else 1) for axis in range(3)))]
    np.testing.assert_allclose(answers, np.tensordot(mirrored / 1.0, weights, axes=4)[:, 0], rtol=1e-4)
