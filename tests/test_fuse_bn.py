"""Fusing BatchNorm changes the layers and not the outputs; kito agrees on the weights."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from stagewise.nets.densenet3d import densenet3d
from stagewise.nets.fuse_bn import fuse
from stagewise.recipes.d121 import D121, DEMO_NET

ORACLE = Path(__file__).parent / "oracles" / "kito_fusion.py"


def norms(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def with_random_statistics(model: keras.Model) -> keras.Model:
    """As after training: fresh BatchNorms (mean 0, variance 1, gamma 1) would hide most mistakes."""
    generator = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                low, high = (0.5, 2.0) if weight.name in ("gamma", "moving_variance") else (-0.5, 0.5)
                weight.assign(generator.uniform(low, high, weight.shape))
    return model


def clips(model: keras.Model, count: int = 3) -> np.ndarray:
    """Noise from dark to bright, so that the net tells the clips apart."""
    shape = model.input_shape[1:]
    generator = np.random.default_rng(6)
    return np.stack([generator.integers(0, top, shape, np.uint8) for top in np.linspace(20, 255, count)])


def outputs(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(batch, training=False))


def test_fused_demo_net_equals_unfused():
    model = with_random_statistics(densenet3d(DEMO_NET))
    before = [weight.copy() for weight in model.get_weights()]
    fused = fuse(model)
    assert norms(model) - norms(fused) == 1 + sum(DEMO_NET.blocks)  # the stem, and the bottleneck of each dense layer
    kept = [layer.name for layer in fused.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(kept) == sum(DEMO_NET.blocks) + len(DEMO_NET.blocks)
    batch = clips(model)
    probabilities = outputs(model, batch)
    assert np.ptp(probabilities) > 1e-2  # else equality would mean little
    np.testing.assert_allclose(outputs(fused, batch), probabilities, atol=1e-5, rtol=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.slow
def test_recipe_net_has_59_pairs():
    model = with_random_statistics(densenet3d(replace(D121.net, input_shape=(32, 32, 32))))
    fused = fuse(model)
    assert norms(model) - norms(fused) == 59
    relu = keras.Model(model.input, model.get_layer("relu").output)
    fused_relu = keras.Model(fused.input, fused.get_layer("relu").output)
    batch = clips(model, 1)
    features = outputs(relu, batch)
    np.testing.assert_allclose(outputs(fused_relu, batch), features, atol=1e-5 * features.max(), rtol=0)


@pytest.mark.parametrize("reason", ["two readers", "activation", "is an output", "other axis"])
def test_unfoldable_pairs_stay(reason):
    clip = keras.Input((6, 5, 4, 2))
    activation = "relu" if reason == "activation" else None
    x = keras.layers.Conv3D(4, 3, padding="same", activation=activation, name="conv")(clip)
    y = keras.layers.BatchNormalization(axis=1 if reason == "other axis" else -1, name="normal")(x)
    if reason == "two readers":
        y = keras.layers.Add()([x, y])
    model = with_random_statistics(keras.Model(clip, [x, y] if reason == "is an output" else y))
    fused = fuse(model)
    assert norms(model) - norms(fused) == 0
    batch = np.random.default_rng(1).normal(size=(2, 6, 5, 4, 2)).astype(np.float32)
    for one, other in zip(keras.tree.flatten(fused(batch)), keras.tree.flatten(model(batch)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_bias_and_batchnorm_without_scale_or_center(scale, center):
    clip = keras.Input((6, 5, 4, 2))
    x = keras.layers.Conv3D(4, 3, bias_initializer=keras.initializers.RandomNormal(seed=1))(clip)
    x = keras.layers.BatchNormalization(scale=scale, center=center)(x)
    model = with_random_statistics(keras.Model(clip, x))
    fused = fuse(model)
    assert norms(model) - norms(fused) == 1
    batch = np.random.default_rng(1).normal(size=(2, 6, 5, 4, 2)).astype(np.float32)
    np.testing.assert_allclose(outputs(fused, batch), outputs(model, batch), atol=1e-5)


@pytest.mark.slow
def test_kito_fuses_to_the_same_weights(tmp_path):
    for package in ("kito", "tf_keras"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it is in requirements-test.txt")
    specification = importlib.util.spec_from_file_location("kito_fusion", ORACLE)
    oracle = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(oracle)
    model = with_random_statistics(oracle.build(keras))
    batch = np.random.default_rng(2).normal(size=(3, 6, 8, 8, 3)).astype(np.float32)
    np.savez(tmp_path / "weights.npz", *model.get_weights(), batch=batch)
    paths = [str(tmp_path / "weights.npz"), str(tmp_path / "fused.npz")]
    subprocess.run([sys.executable, str(ORACLE), *paths], check=True, timeout=120)

    expected = np.load(tmp_path / "fused.npz")
    fused = fuse(model)
    assert norms(model) - norms(fused) == 2
    for name in ("first", "second"):
        for number, weight in enumerate(fused.get_layer(f"{name}_conv").get_weights()):
            np.testing.assert_allclose(weight, expected[f"{name}_bn/{number}"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs(fused, batch), expected["outputs"], atol=1e-5)
