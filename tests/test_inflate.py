"""Inflated weights do for a clip constant in time what the 2D weights do for its frame."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import real_file

from stagewise.files import paths
from stagewise.messages.errors import InputError, StagewiseError
from stagewise.nets.densenet3d import backbone, densenet3d
from stagewise.nets.inflate import inflate, inflate_kernel
from stagewise.recipes.d121 import D121
from stagewise.training import first_weights

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r04_inflate_imagenet.py"
NET = replace(D121.net, input_shape=(32, 32, 32))


@pytest.fixture(scope="module")
def flat_net() -> keras.Model:
    """The real ImageNet weights."""
    weights = real_file("weights/densenet121_imagenet_notop.h5")
    return keras.applications.DenseNet121(include_top=False, weights=weights, input_shape=(32, 32, 3))


@pytest.fixture(scope="module")
def inflated(flat_net) -> keras.Model:
    model = backbone(densenet3d(NET))
    inflate(flat_net, model)
    return model


def small_flat_net(filters: int = 4, name: str = "conv") -> keras.Model:
    frame = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(filters, 3, name=name)(frame)
    return keras.Model(frame, keras.layers.BatchNormalization(name="bn")(x))


def small_deep_net() -> keras.Model:
    clip = keras.Input((6, 8, 8, 3))
    x = keras.layers.Conv3D(4, (5, 3, 3), name="conv")(clip)
    return keras.Model(clip, keras.layers.BatchNormalization(name="bn")(x))


def run_script(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_inflated_kernel_sums_to_the_2d_kernel():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 5)).astype(np.float32)
    deep = inflate_kernel(kernel, 7)
    assert deep.shape == (7, 3, 3, 2, 5)
    assert deep.dtype == np.float32
    np.testing.assert_allclose(deep.sum(0), kernel, rtol=1e-6)
    assert (deep == deep[:1]).all()


def test_real_kernels_sum_over_depth_and_all_else_is_equal(flat_net, inflated):
    convolutions = others = 0
    for layer in (layer for layer in inflated.layers if layer.weights):
        source = flat_net.get_layer(layer.name)
        if isinstance(layer, keras.layers.Conv3D):
            convolutions += 1
            deep, flat = layer.get_weights()[0], source.get_weights()[0]
            np.testing.assert_allclose(deep.sum(0), flat, rtol=1e-5, atol=1e-7)
        else:
            others += 1
            assert all(map(np.array_equal, layer.get_weights(), source.get_weights()))
    assert (convolutions, others) == (120, 121)


def test_stem_on_a_constant_clip_equals_the_2d_net(flat_net, inflated):
    frame = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), np.uint8)
    clip = np.repeat(frame[:, None], 32, axis=1)
    stem = keras.Model(inflated.input, inflated.get_layer("conv1_relu").output)
    flat_stem = keras.Model(flat_net.input, flat_net.get_layer("conv1_relu").output)
    ready = keras.applications.densenet.preprocess_input(frame.astype(np.float32))
    expected = keras.ops.convert_to_numpy(flat_stem(ready))
    found = keras.ops.convert_to_numpy(stem(clip))
    assert expected.std() > 0.1
    for interior in range(2, 14):  # frames that the padding of 3 does not reach
        np.testing.assert_allclose(found[:, interior], expected, atol=1e-4)
    assert np.abs(found[:, 0] - expected).max() > 0.1


def test_nets_that_differ_are_errors_and_nothing_changes():
    deep = small_deep_net()
    before = deep.get_weights()
    with pytest.raises(InputError, match="2 layers are in one of them alone, such as conv, other"):
        inflate(small_flat_net(name="other"), deep)
    with pytest.raises(InputError, match="layer conv: the 2D weights inflate to"):
        inflate(small_flat_net(filters=5), deep)
    broken = small_flat_net()
    broken.get_layer("bn").moving_mean.assign([0, np.nan, 0, 0])
    with pytest.raises(InputError, match=r"layer bn: .* not finite"):
        inflate(broken, deep)
    assert all(map(np.array_equal, before, deep.get_weights()))


@pytest.mark.slow
def test_script_writes_weights_for_any_head_and_replaces_none_unasked(root, flat_net):
    weights = real_file("weights/densenet121_imagenet_notop.h5")
    done = run_script("--weights", weights)
    assert done.returncode == 0, done.stderr
    assert "11,370,176 parameters" in done.stdout
    model = densenet3d(replace(NET, head_units=3))
    backbone(model).load_weights(paths.imagenet_weights())
    last = "conv5_block16_2_conv"
    np.testing.assert_allclose(
        model.get_layer(last).get_weights()[0].sum(0), flat_net.get_layer(last).get_weights()[0], atol=1e-7
    )
    again = run_script("--weights", weights)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert [file.name for file in paths.models_folder().iterdir()] == [paths.imagenet_weights().name]


def test_script_checks_its_arguments_first(root):
    missing = run_script("--weights", root / "missing.h5")
    assert missing.returncode == 2
    assert "missing.h5" in missing.stderr
    (root / "resnet34-333f7ec4.pth").write_text("<html>not found</html>")  # a page that was saved in its place
    saved = run_script("--weights", root / "resnet34-333f7ec4.pth")
    assert saved.returncode == 2 and "is no file of PyTorch's weights" in saved.stderr
    assert "models/resnet34-333f7ec4.pth" in saved.stderr and "densenet" not in saved.stderr
    (root / "resnet34-333f7ec4.pth").unlink()
    planned = run_script("--dry-run")
    assert planned.returncode == 0
    assert "models/imagenet_densenet121_3d.weights.h5" in planned.stdout
    assert not list(root.iterdir())


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras, before it raises
def test_damaged_and_foreign_files_are_errors(tmp_path):
    truncated = tmp_path / "truncated.h5"
    truncated.write_bytes(real_file("weights/densenet121_imagenet_notop.h5").read_bytes()[:1_000_000])
    foreign = tmp_path / "foreign.weights.h5"
    small_flat_net().save_weights(foreign)
    text = tmp_path / "page.h5"
    text.write_text("<html>not found</html>")
    for path in (truncated, foreign, text):
        with pytest.raises(InputError, match=path.name) as raised:
            first_weights.load_imagenet(path)
        assert first_weights.FILE in str(raised.value)


def test_failed_download_says_what_to_fetch_and_where_to_put_it(monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "DenseNet121", fail)
    with pytest.raises(StagewiseError, match="URL fetch failure") as raised:
        first_weights.load_imagenet(None)
    assert raised.value.exit_code == 1
    for mend in (first_weights.FILE, "~/.keras/models", "--weights"):
        assert mend in str(raised.value)
