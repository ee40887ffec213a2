"""The U-Nets are the segmentation winner's layer for layer, and start from the files of their encoders."""

import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import torch_unets as recorded
from made_torch_files import write_state
from test_torch_names import state_of_model
from tiny_residual import TINY_UNETS, noise

from stagewise.files.weight_files import load_weights
from stagewise.messages.errors import InputError
from stagewise.nets.fuse_bn import fuse
from stagewise.nets.grouped_convolution import GroupedConvolution
from stagewise.nets.torch_names import load_torch_weights
from stagewise.nets.unet import AlbuNet, ResNetUNet, SCSEUNet
from stagewise.recipes.starts import TorchFile
from stagewise.training.torch_starts import torch_start

KINDS = {"albunet": AlbuNet, "resnet_unet": ResNetUNet, "scse_unet": SCSEUNet}
NETS = {name: kind(recorded.SHAPES[0][1:], recorded.SCALINGS[name]) for name, kind in KINDS.items()}


def family(net) -> str:
    return net.family


def answers(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(batch, training=False))


@pytest.mark.parametrize("name", NETS)
def test_answers_at_two_sizes_with_the_same_weights_are_the_peers(name):
    peer, net = np.load(recorded.FOLDER / f"{name}.npz"), NETS[name]
    shapes = [tuple(map(int, filter(None, shape.split(",")))) for shape in peer["shapes"].tolist()]
    state = {tensor: recorded.filled(tensor, shape) for tensor, shape in zip(peer["names"], shapes, strict=True)}
    model = net.build()
    load_torch_weights(model, state)
    trained = [sum(int(np.prod(weight.shape)) for weight in part.trainable_weights) for part in parts(net, model)]
    assert trained == [peer["parameters"], peer["encoder"]]
    for number, shape in enumerate(recorded.SHAPES):
        sized = replace(net, input_shape=shape[1:])
        other = sized.build(seed=number)
        other.set_weights(model.get_weights())
        found = keras.Model(other.input, [sized.backbone(other).output, other.output])(recorded.images(shape))
        features, logits = map(keras.ops.convert_to_numpy, found)
        np.testing.assert_allclose(features.mean((1, 2)), peer[f"features_{number}"], atol=1e-4, rtol=1e-4)
        expected = peer[f"logits_{number}"]
        assert logits.shape == (*shape, 1) and expected.std() > 0.015
        np.testing.assert_allclose(logits[:, ::3, ::3, 0], expected, atol=2e-5)


def parts(net, model: keras.Model) -> list[keras.Model]:
    return [model, net.backbone(model)]


@pytest.mark.parametrize(
    ("kind", "parameters", "running", "billions"),
    [
        (AlbuNet, 34_604_897, 17_024, (126.4, 505.4)),
        (ResNetUNet, 34_458_177, 53_120, (70.3, 281.2)),
        (SCSEUNet, 41_249_489, 68_224, (71.8, 287.1)),
    ],
)
def test_counts_are_the_winners(kind, parameters, running, billions):
    net = kind((512, 512), "unit")
    for image, expected in zip(((512, 512), (1024, 1024)), billions, strict=True):
        sizes = net.sizes(image)
        assert (sizes.parameters, sizes.running) == (parameters, running)
        assert round(sizes.multiply_adds / 1e9, 1) == expected
    assert net.parameters == parameters + running and net.map_shapes == []


@pytest.mark.parametrize("net", TINY_UNETS, ids=family)
def test_sizes_are_those_of_the_built_net(net):
    model, sizes = net.build(), net.sizes()
    assert model.count_params() == net.parameters
    assert sizes.activation_floats == sum(np.prod(layer.output.shape[1:]) for layer in model.layers)
    assert model.input_shape == model.output_shape == (None, *net.input_shape, 1)
    assert (model.input.dtype, model.output.dtype, model.layers[-1].name) == ("uint8", "float32", "logits")


def test_sizes_need_no_keras():
    nets = ", ".join(map(repr, TINY_UNETS))
    code = f"""
import sys
from stagewise.nets.unet import AlbuNet, ResNetUNet, SCSEUNet
assert all(net.parameters and net.activation_floats and str(net) for net in ({nets}))
assert "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("net", TINY_UNETS, ids=family)
def test_weights_of_one_size_are_those_of_another(net, tmp_path):
    model = net.build(seed=1)
    model.save_weights(tmp_path / "small.weights.h5")
    height, width = net.input_shape
    large = replace(net, input_shape=(2 * height, 3 * width)).build(seed=2)
    load_weights(large, tmp_path / "small.weights.h5", "")
    assert all(map(np.array_equal, model.get_weights(), large.get_weights()))
    image = np.full((1, *net.input_shape, 1), 200, np.uint8)
    image[:, height // 2 :] = 40
    assert answers(large, np.tile(image, (1, 2, 3, 1))).shape == (1, 2 * height, 3 * width, 1)


@pytest.mark.parametrize("net", TINY_UNETS, ids=family)
def test_preprocessing_lays_the_grey_on_three_channels(net):
    batch = noise(net)
    found = keras.ops.convert_to_numpy(keras.Model((model := net.build()).input, at(model, "preprocessing"))(batch))
    expected = np.repeat(batch / 255, 3, axis=-1)
    if net.scaling == "imagenet":
        expected = (expected - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def at(model: keras.Model, layer: str) -> keras.KerasTensor:
    return model.get_layer(layer).output


@pytest.mark.parametrize("net", TINY_UNETS, ids=family)
def test_channels_first_mixed_precision_json_and_folded_norms_give_the_same(net):
    model, batch = net.build(seed=3), noise(net)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([weight + 0.3 for weight in layer.get_weights()])
    expected = answers(model, batch)
    assert np.ptp(expected) > 1e-3
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = net.build(seed=3)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(model.get_weights())
    assert mixed.get_layer("preprocessing").compute_dtype == mixed.output.dtype == "float32"
    assert net.backbone(mixed).output.dtype == "bfloat16"
    np.testing.assert_allclose(answers(mixed, batch), expected, atol=0.05 * np.abs(expected).max())
    first = net.build(seed=3, data_format="channels_first")
    assert all(map(np.array_equal, first.get_weights(), net.build(seed=3).get_weights()))
    assert (first.input_shape, first.output_shape) == (model.input_shape, model.output_shape)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(answers(copy, batch), expected)
    fused = fuse(model)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in fused.layers)
    np.testing.assert_allclose(answers(fused, batch), expected, atol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_start_is_the_winners_and_a_function_of_the_seed(name):
    net = replace(NETS[name], blocks=(1, 1, 1, 1))
    model, again, other = (net.build(seed=seed) for seed in ((7, 1), (7, 1), (7, 2)))
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))
    assert not np.array_equal(model.layers[-1].kernel, other.layers[-1].kernel)
    encoder = {layer.name for layer in net.backbone(model).layers}
    for layer in model.layers:
        if not hasattr(layer, "kernel") or layer.kernel.shape.num_elements() < 5000:
            continue
        kernel, bias = keras.ops.convert_to_numpy(layer.kernel), layer.bias
        *area, entering, leaving = kernel.shape
        fan_in, fan_out = np.prod(area) * entering, np.prod(area) * leaving
        uniform = (name == "scse_unet") if layer.name in encoder else (name == "albunet")
        if uniform:
            assert 0.98 / np.sqrt(fan_in) < np.abs(kernel).max() <= 1.0001 / np.sqrt(fan_in)
            assert bias is None or 0.5 / np.sqrt(fan_in) < np.abs(bias).max() <= 1.0001 / np.sqrt(fan_in)
        else:
            fan = fan_out if layer.name in encoder else fan_in
            assert kernel.std() == pytest.approx(np.sqrt(2 / fan), rel=0.05)
            assert np.abs(kernel).max() > 2.8 * kernel.std() and (bias is None or not np.any(bias))
    norm = model.get_layer("layer0_bn1" if name == "scse_unet" else "bn1")
    assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)


@pytest.mark.parametrize(
    ("channels", "groups", "strides", "pieces"), [(128, 32, 1, 4), (64, 4, 2, 2), (12, 3, 2, 1), (1024, 32, 1, 16)]
)
def test_grouped_convolution_is_kerass_own(channels, groups, strides, pieces):
    x = keras.random.normal((2, 6, 5, channels), seed=1)
    options = {"groups": groups, "strides": strides, "padding": "same"}
    ours = GroupedConvolution(channels, 3, bias_initializer="random_normal", **options)
    theirs = keras.layers.Conv2D(channels, 3, **options)
    ours.build(x.shape), theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    expected = keras.ops.convert_to_numpy(theirs(x))
    assert ours.pieces() == pieces
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(x)), expected, atol=1e-5)


@pytest.mark.parametrize("renamed", [False, True])
def test_an_encoders_file_becomes_the_start_of_its_net(root, tmp_path, renamed):
    known = [
        (net, TorchFile("imagenet", f"imagenet_{net.family}.weights.h5", f"https://host/{net.family}.pth"), net.family)
        for net in TINY_UNETS
    ]
    for net, start, stage in known:
        state = state_of_model(net.backbone(net.build()))
        head = "last_linear" if stage.startswith("se") else "fc"
        state |= {f"{head}.weight": np.ones((5, 4), np.float32), f"{head}.bias": np.ones(5, np.float32)}
        whole = {name: array for name, array in state.items() if array.ndim}  # as the files of 2017 have it
        path = write_state(tmp_path / ("weights.pth" if renamed else f"{stage}.pth"), whole, "legacy")
        *found, encoder = torch_start(path, known)
        assert found == [start, stage]
        encoder.save_weights(tmp_path / "encoder.weights.h5")
        model = replace(net, input_shape=(128, 64), scaling="unit").build(seed=5)
        before = {layer.name: layer.get_weights() for layer in model.layers}
        load_weights(net.backbone(model), tmp_path / "encoder.weights.h5", "")
        kernel = model.get_layer("layer1_0_conv2").kernel
        np.testing.assert_array_equal(kernel, whole["layer1.0.conv2.weight"].transpose(2, 3, 1, 0))
        assert np.array_equal(model.get_layer("logits").kernel, before["logits"][0])
    for name, changed in (("layer2.0.bn1.running_var", None), ("layer4.0.downsample.0.weight", np.ones(3, np.float32))):
        spoilt = {other: array for other, array in whole.items() if other != name}
        spoilt |= {name: changed} if changed is not None else {}
        with pytest.raises(InputError, match=rf"\.pth is no {'resnet34' if renamed else family(net)} .* another net's"):
            torch_start(write_state(path, spoilt), known)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks": (1, 1, 1)}, "blocks="),
        ({"widths": (4, 0, 4, 4)}, "widths="),
        ({"input_shape": (96, 64)}, "multiples of 64"),
        ({"input_shape": (0, 64)}, "input_shape="),
        ({"input_shape": (64,)}, "input_shape="),
        ({"scaling": "caffe"}, "known are unit, imagenet"),
    ],
)
def test_numbers_of_no_net_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        replace(TINY_UNETS[0], **changes)


@pytest.mark.parametrize("net", TINY_UNETS[1:], ids=family)
def test_sides_of_the_joined_nets_are_multiples_of_32(net):
    with pytest.raises(InputError, match="multiples of 32"):
        replace(net, input_shape=(48, 32))
