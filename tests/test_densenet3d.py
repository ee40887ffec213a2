"""The net is DenseNet121 in 3D: the same layers, the same features as its peers, on any backend."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import real_file

from stagewise.messages.errors import InputError
from stagewise.nets.densenet import DenseNet3D
from stagewise.nets.densenet3d import backbone, densenet3d, shortest_axis
from stagewise.nets.inflate import inflate
from stagewise.recipes.d121 import D121

CUBE = replace(D121.net, input_shape=(32, 32, 32))
SMALL = replace(D121.net, input_shape=(16, 16, 24), blocks=(2, 1), growth_rate=4, stem_filters=8, head_units=6)


@pytest.fixture(scope="module")
def recipe_net() -> keras.Model:
    return densenet3d(CUBE)


@pytest.fixture(scope="module")
def flat_net() -> keras.Model:
    return keras.applications.DenseNet121(include_top=False, weights=None, input_shape=(32, 32, 3))


def clips(net: DenseNet3D, count: int = 2) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, *net.input_shape, 3), np.uint8)


def test_parameter_counts(recipe_net):
    assert recipe_net.count_params() == 11_895_489
    assert backbone(recipe_net).count_params() == 11_370_176


def test_layers_with_weights_are_named_as_in_keras_applications(recipe_net, flat_net):
    flat = [layer.name for layer in flat_net.layers if layer.weights]
    assert [layer.name for layer in backbone(recipe_net).layers if layer.weights] == flat


def test_feature_maps_have_the_2d_nets_height_and_width(recipe_net, flat_net):
    for layer in flat_net.layers:
        if layer.name.startswith(("conv", "pool")) or layer.name in ("bn", "relu"):
            _, frames, *rest = recipe_net.get_layer(layer.name).output.shape
            assert tuple(rest) == layer.output.shape[1:]
            assert frames == rest[0]  # the input is a cube


def test_preprocessing_is_keras_torch_mode_on_channels_as_they_come():
    batch = clips(SMALL)
    found = densenet3d(SMALL).get_layer("preprocessing")(batch)
    expected = keras.applications.densenet.preprocess_input(batch.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_preprocessing_keeps_all_levels_of_grey_apart_in_bfloat16(monkeypatch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = densenet3d(SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    batch = np.arange(np.prod(SMALL.input_shape) * 3).reshape(1, *SMALL.input_shape, 3).astype(np.uint8)
    found = np.asarray(net.get_layer("preprocessing")(batch))
    assert all(len(np.unique(found[..., channel])) == len(np.unique(batch[..., channel])) > 80 for channel in range(3))


def test_head_is_sigmoid_dropout_sigmoid():
    head = densenet3d(SMALL).layers[-3:]
    assert [layer.get_config().get("activation") for layer in head] == ["sigmoid", None, "sigmoid"]
    assert (head[0].units, head[1].rate, head[2].units) == (6, 0.5, 1)


def test_weights_and_dropout_are_a_function_of_the_seed():
    batch = clips(SMALL)
    nets = [densenet3d(SMALL, seed=seed) for seed in ((7, 1), (7, 1), (7, 2))]
    same, again, other = ([weight.copy() for weight in net.get_weights()] for net in nets)
    assert all(np.array_equal(a, b) for a, b in zip(same, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(same, other, strict=True))
    first, second = (keras.ops.convert_to_numpy(net(batch, training=True)) for net in nets[:2])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("blocks", [(1,), (1, 1), (1, 1, 1, 1)])
def test_shortest_axis_leaves_one_voxel_and_less_is_an_error(blocks):
    least = shortest_axis(len(blocks))
    net = replace(SMALL, blocks=blocks, input_shape=(least, least, least + 3))
    assert backbone(densenet3d(net)).output_shape[1:3] == (1, 1)
    with pytest.raises(InputError, match=f"at least {least} each"):
        densenet3d(replace(net, input_shape=(least, least - 1, least + 3)))


def test_no_blocks_is_an_error():
    with pytest.raises(InputError, match="blocks=\\(\\)"):
        densenet3d(replace(SMALL, blocks=()))


def test_headless_weights_load_into_any_head(tmp_path):
    source = densenet3d(SMALL, seed=1)
    backbone(source).save_weights(tmp_path / "a.weights.h5")
    target = densenet3d(replace(SMALL, head_units=11), seed=2)
    backbone(target).load_weights(tmp_path / "a.weights.h5")
    batch = clips(SMALL)
    np.testing.assert_array_equal(backbone(target)(batch), backbone(source)(batch))
    np.testing.assert_array_equal(
        target.get_layer("conv1_conv").get_weights()[0], source.get_layer("conv1_conv").get_weights()[0]
    )


def test_model_survives_serialization():
    model = densenet3d(SMALL)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    batch = clips(SMALL)
    np.testing.assert_allclose(copy(batch), model(batch), atol=1e-6)


def test_mixed_precision_keeps_probabilities_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = densenet3d(SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv1_conv").compute_dtype == "bfloat16"
    assert model.get_layer("probability").compute_dtype == model.output.dtype == "float32"
    batch = clips(SMALL)
    plain = densenet3d(SMALL)
    plain.set_weights(model.get_weights())
    try:
        answers = model(batch)
    except Exception as error:
        if "MklNativeConv3D" not in str(error):
            raise
        pytest.skip("oneDNN has no convolution in bfloat16 for this processor")
    np.testing.assert_allclose(answers, plain(batch), atol=0.02)


def test_features_equal_classification_models_3d(recipe_net):
    weights = real_file("weights/densenet121_imagenet_notop.h5")
    if importlib.util.find_spec("classification_models_3D") is None:
        pytest.skip("classification-models-3D is not installed; it is in requirements-test.txt")
    from classification_models_3D.kkeras import Classifiers

    peer_class, _ = Classifiers.get("densenet121")
    peer = peer_class(input_shape=(32, 32, 32, 3), weights=None)
    flat_net = keras.applications.DenseNet121(include_top=False, weights=weights)
    inflate(flat_net, backbone(recipe_net))
    for layer in peer.layers:
        if layer.weights:  # inflated here in its own way, so that our inflation is checked too
            arrays = flat_net.get_layer(layer.name).get_weights()
            if arrays[0].ndim == 4:
                depth = layer.kernel_size[0]
                arrays[0] = np.stack([arrays[0] / depth] * depth)
            layer.set_weights(arrays)
    batch = clips(CUBE, 1)
    # its own preprocess_input hands an argument on that Keras 3 does not take; the mode is the one that it names
    ready = keras.applications.imagenet_utils.preprocess_input(batch.astype(np.float32), mode="torch")
    features = keras.ops.convert_to_numpy(peer(ready, training=False))
    assert features.std() > 0.1
    np.testing.assert_allclose(backbone(recipe_net)(batch, training=False), features, atol=1e-4)


@pytest.mark.slow
def test_jax_gives_tensorflows_probabilities_without_tensorflow(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed; it is in requirements-test.txt")
    model = densenet3d(SMALL)
    batch = clips(SMALL, 3) // np.array([1, 2, 9], np.uint8)[:, None, None, None, None]
    files = [tmp_path / name for name in ("net.json", "net.weights.h5", "clips.npy", "probabilities.npy")]
    files[0].write_text(json.dumps(dataclasses.asdict(SMALL)))
    model.save_weights(files[1])
    np.save(files[2], batch)
    script = Path(__file__).parent / "oracles" / "forward.py"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    run = subprocess.run(
        [sys.executable, str(script), *map(str, files)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert "on jax" in run.stdout
    expected = keras.ops.convert_to_numpy(model(batch, training=False))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(np.load(files[3]), expected, atol=1e-4)
