"""The residual nets are their peers' layer for layer: the same names, counts and answers."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_residual import ANSWERED, EVERY, TINY, noise

from stagewise.messages.errors import InputError
from stagewise.nets.clip_normalization import ClipNormalization
from stagewise.nets.residual import stage_ends
from stagewise.nets.resnet3d import ResNet3D
from stagewise.nets.torch_names import load_torch_weights
from stagewise.nets.video_resnet import VideoResNet

ORACLES = Path(__file__).parent / "oracles"
specification = importlib.util.spec_from_file_location("torch_nets", ORACLES / "torch_nets.py")
recorded = importlib.util.module_from_spec(specification)
specification.loader.exec_module(recorded)

WIDTHS = (64, 128, 256, 512)
NETS = {
    "r101": ResNet3D((None, 44, 36), 1, (3, 4, 23, 3), True, WIDTHS, 0.9),
    **{kind: VideoResNet(kind, (None, 28, 36), (2, 2, 2, 2), WIDTHS, 45) for kind in ("r3d", "mc3", "r2plus1d")},
}
PEERS = {name: np.load(ORACLES / f"{name}.npz") for name in NETS}
VIDEO = TINY[2:5]


def name_of(net) -> str:
    return getattr(net, "family", "resnet3d")


def answers(model: keras.Model, batch: np.ndarray, **options) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(batch, **{"training": False, **options}))


@pytest.fixture(scope="module", params=NETS)
def peer_and_net(request):
    """What the peer answered, and our net with the peer's weights."""
    peer, net = PEERS[request.param], NETS[request.param].build()
    shapes = [tuple(map(int, filter(None, shape.split(",")))) for shape in peer["shapes"].tolist()]
    names = peer["names"].tolist()
    load_torch_weights(net, {name: recorded.filled(name, shape) for name, shape in zip(names, shapes, strict=True)})
    return request.param, peer, net


def test_answers_and_features_are_the_peers(peer_and_net):
    name, peer, net = peer_and_net
    kind = name if name in recorded.SHAPES else "video"
    parts = keras.Model(net.input, [net.get_layer("avgpool").output, net.get_layer("fc").output, net.output])
    for number, shape in enumerate(recorded.SHAPES[kind]):
        found = parts(recorded.clips(shape, recorded.CHANNELS[kind]), training=False)
        features, logits, probability = map(keras.ops.convert_to_numpy, found)
        expected = peer[f"features_{number}"]
        assert expected.std() > 0.2  # else equality would mean little
        np.testing.assert_allclose(features, expected, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(logits, peer[f"logits_{number}"], atol=1e-4)
        np.testing.assert_allclose(probability, 1 / (1 + np.exp(-peer[f"logits_{number}"])), atol=1e-5)
        assert shape[0] == 1 or np.ptp(logits) > 1e-2


def test_parameters_are_the_peers(peer_and_net):
    name, peer, net = peer_and_net
    trained = {"r101": 85_203_265, "r3d": 33_166_785, "mc3": 11_490_753, "r2plus1d": 31_300_638}[name]
    sizes = NETS[name].sizes((9, 44, 36))
    assert trained == peer["parameters"] == sizes.parameters
    assert trained == sum(int(np.prod(weight.shape)) for weight in net.trainable_weights)
    assert net.count_params() == sizes.parameters + sizes.running
    assert sizes.running == (105_344 if name == "r101" else 0)


@pytest.mark.parametrize(
    ("blocks", "bottleneck", "parameters"),
    [
        ((1, 1, 1, 1), False, 14_356_033),
        ((2, 2, 2, 2), False, 33_160_513),
        ((3, 4, 6, 3), False, 63_470_145),
        ((3, 4, 6, 3), True, 46_157_121),
        ((3, 8, 36, 3), True, 117_361_985),
        ((3, 24, 36, 3), True, 126_561_601),
    ],
    ids=[10, 18, 34, 50, 152, 200],
)
def test_other_depths_are_the_familys(blocks, bottleneck, parameters):
    net = replace(NETS["r101"], blocks=blocks, bottleneck=bottleneck)
    assert net.sizes((64, 160, 160)).parameters == parameters


@pytest.mark.parametrize(
    ("name", "clip", "maps"),
    [
        ("r101", (64, 160, 160), ((32, 40, 40), (16, 20, 20), (8, 10, 10), (4, 5, 5))),
        ("r101", (434, 160, 160), ((217, 40, 40), (109, 20, 20), (55, 10, 10), (28, 5, 5))),
        ("r3d", (60, 112, 112), ((60, 56, 56), (30, 28, 28), (15, 14, 14), (8, 7, 7))),
        ("mc3", (60, 112, 112), ((60, 56, 56), (60, 28, 28), (60, 14, 14), (60, 7, 7))),
        ("r2plus1d", (1, 112, 112), ((1, 56, 56), (1, 28, 28), (1, 14, 14), (1, 7, 7))),
    ],
)
def test_maps_of_the_winners_clips(name, clip, maps):
    assert NETS[name].sizes(clip).maps == maps


@pytest.mark.parametrize("net", TINY, ids=name_of)
def test_sizes_are_those_of_the_built_net(net):
    model, sizes = net.build(), net.sizes()
    assert model.count_params() == sizes.parameters + sizes.running
    assert sizes.activation_floats == sum(np.prod(layer.output.shape[1:]) for layer in model.layers)
    ends = [model.get_layer(name) for name in stage_ends(net)]
    assert [end.output.shape[1:4] for end in ends] == list(sizes.maps)
    assert ends[-1].output is model.get_layer("avgpool").input


def test_sizes_need_no_keras():
    code = f"""
import sys
from stagewise.nets.resnet3d import ResNet3D
from stagewise.nets.video_resnet import VideoResNet
assert {TINY[0]!r}.sizes().parameters and {TINY[4]!r}.sizes().parameters and "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("net", VIDEO, ids=name_of)
def test_a_clips_answer_hangs_on_nothing_but_the_clip(net):
    model, batch = net.build(seed=2), noise(net)
    model.get_layer("fc").set_weights([10 * weight for weight in model.get_layer("fc").get_weights()])
    alone = np.concatenate([answers(model, clip[None]) for clip in batch])
    assert np.ptp(alone) > 1e-3
    for found in (answers(model, batch), answers(model, batch[::-1])[::-1], answers(model, batch, training=True)):
        np.testing.assert_allclose(found, alone, atol=1e-6)
    np.testing.assert_array_equal(answers(model, batch[1:2]), alone[1:2])  # nothing runs along


@pytest.mark.parametrize("axis", [-1, 1])
def test_clip_normalization_is_group_normalization_with_a_channel_a_group(axis):
    x = np.random.default_rng(2).normal(3, 2, (3, 4, 5, 6, 7)).astype(np.float32)
    ours, theirs = ClipNormalization(axis), keras.layers.GroupNormalization(-1, axis, epsilon=1e-5)
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([np.linspace(1, 2, x.shape[axis]), np.linspace(-1, 1, x.shape[axis])])
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_clip_statistics_are_batchnorms_own_in_training_with_one_clip():
    ours, theirs = VIDEO[2].build(), replace(VIDEO[2], batch_norm_momentum=0.9).build()
    for layer in ours.layers:
        if layer.weights:
            other = theirs.get_layer(layer.name)
            other.set_weights([*layer.get_weights(), *other.get_weights()[len(layer.weights) :]])
    clip = noise(VIDEO[2], 1)
    np.testing.assert_allclose(answers(ours, clip), answers(theirs, clip, training=True), atol=1e-6)
    assert np.abs(answers(ours, clip) - answers(theirs, clip)).max() > 1e-3  # moving averages are another model


@pytest.mark.parametrize("net", TINY, ids=name_of)
def test_any_number_of_frames(net):
    model = replace(net, input_shape=(None, *net.input_shape[1:])).build()
    for frames in (1, 2, 7):
        assert 0 < answers(model, np.zeros((1, frames, *net.input_shape[1:], net.channels), np.uint8))[0, 0] < 1


def test_preprocessing():
    batch = noise(VIDEO[0])
    found = keras.ops.convert_to_numpy(VIDEO[0].build().get_layer("preprocessing")(batch))
    expected = (batch / 255 - (0.43216, 0.394666, 0.37645)) / (0.22803, 0.22145, 0.216989)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    grey = noise(TINY[0])
    np.testing.assert_allclose(TINY[0].build().get_layer("preprocessing")(grey), grey / np.float32(255), atol=1e-6)


def test_start_is_kaimings_by_fan_out_and_a_function_of_the_seed():
    same, again, other = (NETS["mc3"].build(seed=seed).get_weights() for seed in ((7, 1), (7, 1), (7, 2)))
    assert all(map(np.array_equal, same, again)) and not all(map(np.array_equal, same, other))
    kernels = [weight for weight in same if weight.ndim == 5]
    for kernel in kernels:
        assert kernel.std() == pytest.approx(np.sqrt(2 / (kernel.shape[-1] * np.prod(kernel.shape[:3]))), rel=0.05)
        assert np.abs(kernel).max() > 3 * kernel.std()  # normal, and not truncated
    assert not np.array_equal(kernels[1], kernels[2])  # a seed a layer
    dense, bias = same[-2:]
    bound = 1 / np.sqrt(512)
    assert 0.9 * bound < np.abs(dense).max() <= bound and 0 < np.abs(bias).max() <= bound


@pytest.mark.parametrize("net", TINY, ids=name_of)
def test_channels_first_and_mixed_precision_give_the_same(net):
    model, batch = net.build(seed=3), noise(net)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = net.build(seed=3)
    finally:
        keras.config.set_dtype_policy("float32")
    assert mixed.get_layer("preprocessing").compute_dtype == mixed.output.dtype == "float32"
    assert {mixed.get_layer(end).compute_dtype for end in stage_ends(net)} == {"bfloat16"}
    np.testing.assert_allclose(answers(mixed, batch), answers(model, batch), atol=0.03)
    first = net.build(seed=3, data_format="channels_first")
    assert all(map(np.array_equal, first.get_weights(), model.get_weights()))
    assert first.input_shape == model.input_shape and first.output_shape == model.output_shape


@pytest.mark.parametrize("net", TINY, ids=name_of)
def test_model_survives_serialization(net, tmp_path):
    model, batch = net.build(seed=4), noise(net)
    copy = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "a.weights.h5")
    copy.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(answers(copy, batch), answers(model, batch))


@pytest.mark.parametrize("backend", [pytest.param("jax", marks=pytest.mark.slow), "openvino"])
def test_another_backend_gives_the_same(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; it is in requirements-test.txt or requirements.txt")
    models = {number: EVERY[number].build(seed=5) for number in ANSWERED[backend]}
    for number, model in models.items():
        model.save_weights(tmp_path / f"{number}.weights.h5")
    command = [sys.executable, str(Path(__file__).with_name("tiny_residual.py")), str(tmp_path)]
    run = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for number, model in models.items():
        expected = answers(model, noise(EVERY[number]))
        assert np.ptp(expected) > 1e-4
        found = np.load(tmp_path / f"{number}.{backend}.npy")
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks": ()}, "blocks="),
        ({"blocks": (1, 1, 1)}, "blocks="),
        ({"widths": (4, 0)}, "widths="),
        ({"input_shape": (5, 0, 12)}, "input_shape="),
        ({"input_shape": (5, 9)}, "input_shape="),
        ({"input_shape": (0, 9, 12)}, "input_shape="),
        ({"family": "r4d"}, "r4d"),
    ],
)
def test_numbers_of_no_net_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        replace(VIDEO[0], **changes)
