"""Layers for a GPU compute what Keras' own do, here on a CPU, from the same files of weights."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from test_fuse_bn import clips, outputs, with_random_statistics

from stagewise.machine.backends import FUSED_PRODUCTS_FLAG
from stagewise.nets import gpu_layers
from stagewise.nets.densenet3d import densenet3d
from stagewise.nets.fuse_bn import fuse
from stagewise.recipes.d121 import D121

NET = replace(D121.net, input_shape=(14, 15, 18), blocks=(2, 3), growth_rate=4, stem_filters=6, head_units=4)


def statistics(norm: keras.layers.Layer, batch: np.ndarray) -> list[np.ndarray]:
    """What a norm of momentum 0 has seen of one batch: its mean and variance."""
    norm(batch, training=True)
    return [keras.ops.convert_to_numpy(weight) for weight in (norm.moving_mean, norm.moving_variance)]


@pytest.mark.parametrize("away", [0.0, 4.3, 12.8])
def test_one_reading_gives_mean_and_variance(away):
    """away: of the mean, in deviations; ImageNet's DenseNet121 has 4.3 in 1 channel of 1,000, and 12.8 in the worst."""
    generator = np.random.default_rng(0)
    batch = ((generator.normal(size=(4, 12, 16, 16, 5)) + away) * [1e-3, 0.1, 1, 7, 300]).astype(np.float32)
    exact = batch.astype(np.float64)
    norm = gpu_layers.BatchNormalization(momentum=0.0)
    for allowed in (1e-3 if away else 1e-5, 1e-5):  # before a mean has run along, and with it
        mean, variance = statistics(norm, batch)
        deviation = exact.std((0, 1, 2, 3))
        np.testing.assert_array_less(np.abs(mean - exact.mean((0, 1, 2, 3))) / deviation, 1e-4)
        np.testing.assert_allclose(variance, deviation**2, rtol=allowed)


def test_a_channel_without_any_deviation_has_no_negative_variance():
    batch = np.full((2, 4, 4, 4, 3), [0.1, 3.3, -77.7], np.float32)
    norm = gpu_layers.BatchNormalization(momentum=0.0)
    _, variance = statistics(norm, batch)
    assert (variance >= 0).all() and np.isfinite(outputs(norm, batch)).all()


@pytest.mark.parametrize(("size", "strides"), [(7, 2), (1, 1)])
@pytest.mark.parametrize("axes", [(8, 8, 8), (9, 10, 11), (7, 13, 12)])
def test_a_convolution_over_cells_or_as_a_product_equals_the_one_over_voxels(axes, size, strides):
    options = {"filters": 5, "kernel_size": size, "strides": strides, "use_bias": True}
    plain, cells = keras.layers.Conv3D(**options), gpu_layers.Conv3D(**options)
    batch = np.random.default_rng(1).normal(size=(2, *axes, 3)).astype(np.float32)
    plain.build(batch.shape)
    cells.build(batch.shape)
    cells.set_weights(plain.get_weights())
    assert cells.compute_output_shape(batch.shape) == plain.compute_output_shape(batch.shape)
    np.testing.assert_allclose(outputs(cells, batch), outputs(plain, batch), atol=1e-5)


def count_of_ours(model: keras.Model) -> int:
    """How many convolutions are not Keras' own."""
    return sum(isinstance(layer, gpu_layers.Conv3D) for layer in model.layers)


def gradients(model: keras.Model, batch: np.ndarray) -> list[np.ndarray]:
    """Of a training pass, by all that is trained."""
    tensorflow = pytest.importorskip("tensorflow")
    with tensorflow.GradientTape() as tape:
        loss = keras.ops.sum(model(batch, training=True) * [[1.0], [-2.0], [0.5]])
    return [gradient.numpy() for gradient in tape.gradient(loss, [v.value for v in model.trainable_variables])]


@pytest.mark.parametrize("products", [False, True])
def test_the_net_for_a_gpu_has_the_same_file_and_trains_and_answers_as_the_other(monkeypatch, tmp_path, products):
    plain = with_random_statistics(densenet3d(replace(NET, dropout=0.0)))
    monkeypatch.setattr(gpu_layers, "wanted", lambda: True)
    if products:
        monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x {FUSED_PRODUCTS_FLAG}")
    other = densenet3d(replace(NET, dropout=0.0), seed=3)
    assert {type(layer).__module__ for layer in other.layers} > {gpu_layers.__name__}
    plain.save_weights(tmp_path / "plain.weights.h5")
    other.load_weights(tmp_path / "plain.weights.h5")
    other.save_weights(tmp_path / "other.weights.h5")
    again = densenet3d(NET, seed=4)
    again.load_weights(tmp_path / "other.weights.h5")
    for one, two in zip(plain.weights, again.weights, strict=True):
        assert one.path == two.path
        np.testing.assert_array_equal(one, two)
    batch = clips(plain)
    for ours in (other, fuse(other)):
        np.testing.assert_allclose(outputs(ours, batch), outputs(plain, batch), atol=1e-6)
    assert len(fuse(other).layers) == len(fuse(plain).layers)
    # the stem; in training never, and in answers where XLA can fuse them: 5 bottlenecks and a transition
    assert [count_of_ours(net) for net in (other, fuse(other))] == [1, 7 if products else 1]
    for ours, keras_own in zip(gradients(other, batch), gradients(plain, batch), strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=1e-3 * max(np.abs(keras_own).max(), 1e-3))
