"""A PyTorch net's tensors find the layers that are named after them, all or none."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from made_torch_files import write_state

from stagewise.files.torch_weights import read_torch_weights
from stagewise.messages.errors import InputError
from stagewise.nets.torch_names import load_torch_weights
from stagewise.nets.video_resnet import VideoResNet

NET = VideoResNet("r3d", (3, 8, 8), (1, 1), (4, 5), 3)


def state_of(net: VideoResNet, outputs: int = 1) -> dict[str, np.ndarray]:
    """The state dict of PyTorch's net with those numbers: running statistics whatever ours has."""
    return state_of_model(replace(net, batch_norm_momentum=0.9).build(), outputs)


def state_of_model(model: keras.Model, outputs: int = 1) -> dict[str, np.ndarray]:
    """The state dict of PyTorch's net with a built net's layers."""
    generator, state = np.random.default_rng(0), {}
    for layer in model.layers:
        shapes = {weight.name: tuple(weight.shape) for weight in layer.weights}
        module = re.sub("_(?!module)", ".", layer.name)
        if "kernel" in shapes:
            *axes, entering, leaving = shapes["kernel"]
            leaving = outputs if module == "fc" else leaving
            state[f"{module}.weight"] = generator.normal(size=(leaving, entering, *axes)).astype(np.float32)
        if "bias" in shapes:
            count = outputs if module == "fc" else shapes["bias"]
            state[f"{module}.bias"] = generator.normal(size=count).astype(np.float32)
        for name in ("weight", "bias", "running_mean", "running_var") if "gamma" in shapes else ():
            state[f"{module}.{name}"] = generator.uniform(0.5, 2, shapes["gamma"]).astype(np.float32)
        if "gamma" in shapes:
            state[f"{module}.num_batches_tracked"] = np.array(7)
    return state


@pytest.fixture(scope="module")
def state():
    return state_of(NET)


@pytest.fixture(scope="module")
def net():
    return NET.build()


def refusal(net, state, without=()):
    before = net.get_weights()
    with pytest.raises(InputError) as error:
        load_torch_weights(net, state, without)
    assert all(map(np.array_equal, before, net.get_weights()))
    return str(error.value)


def test_every_tensor_in_its_place(net, state):
    load_torch_weights(net, state)
    kernel = state["layer2.0.conv1.0.weight"]
    np.testing.assert_array_equal(net.get_layer("layer2_0_conv1_0").kernel, kernel.transpose(2, 3, 4, 1, 0))
    gamma, beta = net.get_layer("layer2_0_downsample_1").get_weights()
    np.testing.assert_array_equal(gamma, state["layer2.0.downsample.1.weight"])
    np.testing.assert_array_equal(beta, state["layer2.0.downsample.1.bias"])
    np.testing.assert_array_equal(net.get_layer("fc").get_weights()[0], state["fc.weight"].T)


def test_running_statistics_go_where_the_net_has_them(state):
    net = replace(NET, batch_norm_momentum=0.9).build()
    load_torch_weights(net, state)
    norm = net.get_layer("stem_1")
    np.testing.assert_array_equal(norm.moving_mean, state["stem.1.running_mean"])
    np.testing.assert_array_equal(norm.moving_variance, state["stem.1.running_var"])
    less = {name: array for name, array in state.items() if name != "stem.1.running_mean"}
    assert "no tensor 'running_mean' for the layer stem_1" in refusal(net, less)


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_a_file_of_400_classes_but_for_its_last_layer(net, tmp_path, container):
    classes = {name: array.astype(np.float32) for name, array in state_of(NET, outputs=400).items() if array.ndim}
    head = [weight.copy() for weight in net.get_layer("fc").get_weights()]
    found = read_torch_weights(write_state(tmp_path / "r3d.pth", classes, container), "")
    load_torch_weights(net, found, without=["fc"])
    np.testing.assert_array_equal(net.get_layer("stem_1").gamma, classes["stem.1.weight"])
    assert all(map(np.array_equal, head, net.get_layer("fc").get_weights()))
    assert "fc.weight has the shape (400, 5); the layer fc needs (1, 5)" in refusal(net, found)


def test_what_does_not_fit_is_named(net, state):
    for name in ("layer1.0.conv1.0.weight", "layer1.0.conv2.1.bias", "fc.bias"):
        less = {other: array for other, array in state.items() if other != name}
        module, _, parameter = name.rpartition(".")
        assert f"no tensor {parameter!r} for the layer {module.replace('.', '_')}" in refusal(net, less)
        assert f"{name} has the shape" in refusal(net, {**state, name: state[name][..., None]})
        assert f"{name} holds values that are not finite" in refusal(net, {**state, name: state[name] * np.nan})
    more = {**state, "layer3.0.conv1.0.weight": np.zeros((2, 2, 3, 3, 3)), "stem.1.scale": np.zeros(4)}
    assert "no place for 2 tensors, such as layer3.0.conv1.0.weight, stem.1.scale" in refusal(net, more)
    twice = {**state, "layer1_0.conv1.0.weight": state["layer1.0.conv1.0.weight"]}
    assert "would be weights of the same layer" in refusal(net, twice)


def test_2d_nets_and_groups():
    image = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(6, 3, groups=2, name="layer0_conv1")(image)
    net = keras.Model(image, keras.layers.Dense(3, name="last_linear")(keras.layers.GlobalAveragePooling2D()(x)))
    generator = np.random.default_rng(0)
    shapes = {"layer0.conv1.weight": (6, 2, 3, 3), "layer0.conv1.bias": (6,), "last_linear.weight": (3, 6)}
    state = {name: generator.normal(size=shape) for name, shape in {**shapes, "last_linear.bias": (3,)}.items()}
    load_torch_weights(net, state)
    batch = generator.normal(size=(1, 8, 8, 4)).astype(np.float32)
    halves = [
        np.einsum(
            "ijc,ocij->o", batch[0, :3, :3, 2 * half : 2 * half + 2], state["layer0.conv1.weight"][3 * half :][:3]
        )
        for half in (0, 1)
    ]
    found = keras.ops.convert_to_numpy(keras.Model(image, x)(batch))[0, 0, 0]
    np.testing.assert_allclose(found, np.concatenate(halves) + state["layer0.conv1.bias"], atol=1e-4)
