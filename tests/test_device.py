"""The device that was asked for is the one that runs, or the script ends."""

import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from stagewise import device
from stagewise.errors import StagewiseError
from stagewise.recipes.d121 import D121


def in_fresh_process(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a line of Python as a script would start; an environment value of "" unsets the variable."""
    merged = {**os.environ, **environment}
    merged = {name: value for name, value in merged.items() if value}
    command = [sys.executable, "-c", f"from stagewise import cli, device\ncli.run(lambda: {code})"]
    return subprocess.run(command, env=merged, capture_output=True, text=True, timeout=120)


def test_prepare_prints_the_device_really_used(capsys):
    line = device.prepare()
    assert capsys.readouterr().out == f"{line}\n"
    assert line.startswith(f"keras {keras.__version__} on {keras.backend.backend()} ")
    if not device.gpus():
        assert line.endswith(f"CPU, {len(os.sched_getaffinity(0))} cores")


def test_openvino_tells_nobody_of_the_nets_that_it_is_given(tmp_path):
    pytest.importorskip("openvino")
    net = "(keras := __import__('keras')).Sequential([keras.Input((3,)), keras.layers.Dense(1)])"
    predictor = f"__import__('stagewise.engines').engines.predictor({net}, 'f32')"
    answer = f"{predictor}(__import__('numpy').ones((1, 3), 'f')).shape"
    done = in_fresh_process(f"print(device.prepare(engine='openvino') and {answer})", HOME=str(tmp_path), CI="")
    assert done.returncode == 0 and done.stdout.endswith("(1, 1)\n"), done.stderr
    assert not (tmp_path / "intel").exists()  # where its telemetry keeps the number that it gives a user


def test_a_gpu_that_is_not_there_ends_the_script():
    done = in_fresh_process("print('ran', device.prepare(7919))")
    assert done.returncode == 1
    assert "GPU 7919 was asked for" in done.stderr
    assert "nvidia-smi -L" in done.stderr
    assert "ran" not in done.stdout


def test_gpu_after_keras_was_imported_is_a_mistake():
    with pytest.raises(RuntimeError, match="before Keras is imported"):
        device.prepare(0)


def test_unknown_backend_is_an_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(StagewiseError, match="KERAS_BACKEND=theano is none of tensorflow, jax, torch"):
        device.prepare()


def test_backend_that_is_not_installed_is_an_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setitem(sys.modules, "jax", None)  # makes its import fail
    with pytest.raises(StagewiseError, match="the backend jax cannot be loaded"):
        device.prepare()


def test_beside_another_backend_tensorflow_is_found_and_cannot_be_imported():
    # PyTorch looks for it while it loads, and takes no exception
    code = (
        "import importlib.util, sys; device.prepare(); "
        "print(importlib.util.find_spec('tensorflow').origin, 'tensorflow' in sys.modules); import tensorflow"
    )
    done = in_fresh_process(f"exec({code!r})", KERAS_BACKEND="jax")
    assert "None False" in done.stdout
    assert "ModuleNotFoundError: no tensorflow beside jax" in done.stderr


@pytest.mark.parametrize(
    ("backend", "gpus", "compiled"),
    [
        ("tensorflow", [], False),
        ("tensorflow", ["a GPU"], True),
        ("jax", [], True),
        ("torch", ["a GPU"], False),
    ],
)
def test_xla_compiles_where_it_is_faster(monkeypatch, backend, gpus, compiled):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(device, "gpus", lambda: gpus)
    assert device.jit_compile() is compiled


@pytest.mark.parametrize(
    ("capability", "policy"), [((8, 0), "mixed_bfloat16"), (None, "mixed_bfloat16"), ((7, 5), "float32")]
)
def test_a_gpu_computes_in_bfloat16_where_it_can(monkeypatch, capsys, capability, policy):
    monkeypatch.setattr(device, "_gpus", lambda: [("a GPU", capability)])
    try:
        device.set_precision("mixed_bfloat16")
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy("float32")
    assert ("a GPU does not compute in bfloat16" in capsys.readouterr().out) == (policy == "float32")


def test_a_gpu_that_the_backend_does_not_see_is_pointed_out(monkeypatch, capsys):
    if device.gpus():
        pytest.skip("the backend sees one")
    for there in (True, False):
        monkeypatch.setattr(device, "has_gpu", lambda there=there: there)
        device.prepare()
        assert ("does not see this machine's GPU" in capsys.readouterr().out) == there


def test_training_on_cpu_repeats_bit_for_bit():
    if device.gpus():
        pytest.skip("promised for CPU alone")
    from stagewise.nets.densenet3d import densenet3d

    # The least size at which two operations at a time were seen to change last bits, in 5 of 15 steps.
    shape, count = (32, 64, 64), 16
    net = replace(D121.net, input_shape=shape, blocks=(2, 2, 2, 2), growth_rate=16, stem_filters=32, dropout=0.0)
    model = densenet3d(net)
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", jit_compile=device.jit_compile())
    start = model.get_weights()
    batch = np.random.default_rng(0).integers(0, 256, (count, *shape, 3), np.uint8)
    answers = np.arange(count)[:, None] % 2
    trained = []
    for _ in range(10):
        model.set_weights(start)
        model.train_on_batch(batch, answers)
        trained.append(model.get_weights())
    for weights in trained[1:]:
        assert all(map(np.array_equal, trained[0], weights))
