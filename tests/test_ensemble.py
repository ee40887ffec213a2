"""A merged ensemble says what its nets say."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from stagewise.messages.errors import InputError
from stagewise.nets.densenet3d import densenet3d
from stagewise.nets.fuse_bn import fuse
from stagewise.prediction.ensemble import merge
from stagewise.recipes.d121 import D121

NET = replace(D121.net, input_shape=(16, 16, 16), blocks=(1, 1), growth_rate=4, stem_filters=8, head_units=4)
CLIPS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 16, 3), np.uint8)


def test_columns_are_the_separate_nets_in_order():
    models = [densenet3d(NET, seed=seed) for seed in (0, 1, 2)]
    models[1] = fuse(models[1])
    separate = np.concatenate([model(CLIPS, training=False) for model in models], axis=1)
    assert np.ptp(separate, axis=1).min() > 1e-2  # the nets differ, or their order would not show
    ensemble = merge(models)
    assert (ensemble.input.dtype, ensemble.output_shape) == ("uint8", (None, 3))
    np.testing.assert_allclose(ensemble(CLIPS, training=False), separate, atol=1e-5)
    np.testing.assert_allclose(ensemble.predict_on_batch(CLIPS), separate, atol=1e-5)


def test_one_net_is_an_ensemble_too():
    model = densenet3d(NET)
    ensemble = merge([model])
    assert ensemble.output_shape == (None, 1)
    np.testing.assert_allclose(ensemble(CLIPS), model(CLIPS), atol=1e-6)


def test_merging_leaves_the_nets_as_they_are_and_shares_their_weights():
    models = [densenet3d(NET, seed=seed) for seed in (0, 1)]
    names = [model.name for model in models]
    ensemble = merge(models)
    assert [model.name for model in models] == names
    models[1].get_layer("probability").bias.assign([100.0])
    assert keras.ops.convert_to_numpy(ensemble(CLIPS))[:, 1].min() == 1


def test_probabilities_stay_float32_under_mixed_precision():
    models = [densenet3d(NET, seed=seed) for seed in (0, 1)]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        ensemble = merge(models)
    finally:
        keras.config.set_dtype_policy("float32")
    separate = np.concatenate([model(CLIPS) for model in models], axis=1)
    np.testing.assert_allclose(ensemble(CLIPS), separate, atol=1e-6)


def test_nothing_and_different_inputs_are_errors():
    with pytest.raises(InputError, match="at least one model"):
        merge([])
    other = replace(NET, input_shape=(16, 16, 20))
    with pytest.raises(InputError, match="model 1 of the ensemble"):
        merge([densenet3d(NET), densenet3d(other)])
