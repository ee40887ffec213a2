"""The device that was asked for is the one that runs, or the script ends."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny

from stagewise.machine import backends, device, engines, gpus
from stagewise.machine.processor import available_cpus, instruction_set, is_x86
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.d121 import D121, PRESETS
from stagewise.training import memory
from stagewise.training.stage import train_stage

REPOSITORY = Path(__file__).parents[1]


def in_fresh_process(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a line of Python as a script would start; an environment value of "" unsets the variable."""
    merged = {**os.environ, **environment}
    merged = {name: value for name, value in merged.items() if value}
    command = [
        sys.executable,
        "-c",
        f"from stagewise.console import cli; from stagewise.machine import device, gpus\ncli.run(lambda: {code})",
    ]
    return subprocess.run(command, env=merged, capture_output=True, text=True, timeout=120)


def test_prepare_prints_the_device_really_used(capsys):
    line = device.prepare()
    assert capsys.readouterr().out == f"{line}\n"
    assert line.startswith(f"keras {keras.__version__} on {keras.backend.backend()} ")
    if not device.gpus():
        assert line.endswith(f"CPU ({instruction_set()}), {available_cpus()} cores")


def test_openvino_tells_nobody_of_the_nets_that_it_is_given(tmp_path):
    pytest.importorskip("openvino")
    net = "(keras := __import__('keras')).Sequential([keras.Input((3,)), keras.layers.Dense(1)])"
    predictor = f"__import__('stagewise.machine.engines').machine.engines.predictor({net}, 'f32')"
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


@pytest.fixture
def unseen_gpu(monkeypatch, tmp_path):
    """A machine with an NVIDIA GPU, as its device file tells, that the backend does not see."""
    if device.gpus():
        pytest.skip("the backend sees one")
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(gpus, "NVIDIA_FILES", (str(tmp_path / "nvidia0"),))
    monkeypatch.setattr(gpus, "AMD_FILE", str(tmp_path / "kfd"))
    monkeypatch.delenv(gpus.VISIBLE, raising=False)


def test_a_gpu_that_the_backend_does_not_see_is_a_warning_or_an_error_with_its_mend(unseen_gpu, capsys):
    backend = keras.backend.backend()
    device.prepare()
    shown = capsys.readouterr().out
    assert f"warning: {backend} does not see this machine's NVIDIA GPU" in shown
    file = shown.rpartition("pip install -r ")[2].strip()
    assert file == f"requirements-gpu-{backend}.txt" and (REPOSITORY / file).exists()
    with pytest.raises(StagewiseError, match=f"NVIDIA GPU.*-r {file}; to train on the CPU all the same.*--gpu none"):
        device.prepare(needs_gpu=True)


@pytest.mark.parametrize(("preset", "code"), [("full", 1), ("small", 0), ("demo", 0)])
def test_the_full_preset_does_not_start_beside_a_gpu_that_is_not_seen(unseen_gpu, root, monkeypatch, preset, code):
    tiny.write_split()
    trained = []
    monkeypatch.setattr("stagewise.training.train.train_folds", lambda *arguments: trained.append(arguments) or [])
    monkeypatch.setattr("sys.argv", ["r31_train.py", "--preset", preset])
    monkeypatch.setattr(memory, "require", lambda *arguments, **more: None)
    if code:
        with pytest.raises(StagewiseError, match="give --gpu none"):
            train_stage(tiny.recipe(), PRESETS, "", following="")
    else:
        train_stage(tiny.recipe(), PRESETS, "", following="")
    assert len(trained) == 1 - code


def test_a_gpu_that_the_environment_hides_is_told_where_one_is_needed(unseen_gpu, monkeypatch, capsys):
    monkeypatch.setenv(gpus.VISIBLE, "")
    for needed in (False, True):
        device.prepare(needs_gpu=needed)
        shown = capsys.readouterr().out
        assert ("warning: CUDA_VISIBLE_DEVICES hides this machine's NVIDIA GPU" in shown) == needed
    monkeypatch.setattr(gpus, "NVIDIA_FILES", ())
    device.prepare(needs_gpu=True)
    assert "GPU" not in capsys.readouterr().out


@pytest.mark.parametrize("backend", [pytest.param(None, marks=pytest.mark.slow), "jax"])  # TensorFlow loads for 5 s
def test_openvino_predicts_where_the_backend_does_not_see_the_gpu(unseen_gpu, monkeypatch, capsys, backend):
    if backend is None:
        monkeypatch.delenv("KERAS_BACKEND")
    else:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    assert device.fastest_engine(None) == engines.OPENVINO
    told = f"warning: {backend or 'tensorflow'} does not see this machine's NVIDIA GPU; OpenVINO predicts on the CPU\n"
    assert capsys.readouterr().out == told


@pytest.mark.parametrize(
    ("gpu", "backend", "engine"),
    [(None, None, "openvino"), ("none", None, "openvino"), (None, "jax", "keras"), ("none", "jax", "keras"),
     (1, None, "keras")],
)  # fmt: skip
def test_without_a_gpu_openvino_predicts_unless_a_backend_was_chosen(monkeypatch, gpu, backend, engine):
    monkeypatch.setattr(gpus, "NVIDIA_FILES", ())
    monkeypatch.setattr(gpus, "AMD_FILE", "/none")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if backend:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    assert device.fastest_engine(gpu) == engine


ANSWERS = """
import sys
from stagewise.machine import device
device.prepare()
import keras, numpy as np, tensorflow as tf, tiny
from stagewise.nets.densenet3d import densenet3d
net = densenet3d(tiny.NET, seed=(1, 2))
clips = np.random.default_rng(0).integers(0, 256, (4, *tiny.NET.input_shape, 3), np.uint8)
with tf.GradientTape() as tape:
    answers = net(clips, training=True)
    loss = tf.reduce_mean(keras.losses.binary_crossentropy(np.array([[0], [1], [0], [1]]), answers))
gradients = tape.gradient(loss, [variable.value for variable in net.trainable_variables])
np.savez(file, net(clips), answers, *gradients)
"""


def test_with_and_without_onednn_answers_and_gradients_agree(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("oneDNN is an option of TensorFlow's")
    if is_x86():
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"  # which TensorFlow leaves off on a processor with AVX2 alone
    with_it, without = tmp_path / "with.npz", tmp_path / "without.npz"
    exec(ANSWERS, {"file": with_it})
    settings = {"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_VERBOSE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = in_fresh_process(f"exec({ANSWERS!r}, {{'file': {str(without)!r}}})", **settings)
    assert done.returncode == 0, done.stderr
    assert "exec,cpu,convolution" not in done.stdout  # a user who switches it off has it off
    for ours, plain in zip(np.load(with_it).values(), np.load(without).values(), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-5 * max(1, np.abs(plain).max()))


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_processor_without_avx_is_told_before_the_backend_dies_of_it(monkeypatch, backend):
    monkeypatch.setattr(backends, "lacks_avx", lambda: True)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(StagewiseError, match=f"no AVX instructions, which {backend} needs; .*KERAS_BACKEND=torch"):
        device.prepare()


def test_a_quota_bounds_the_threads_of_every_backend(monkeypatch):
    for module in (backends, engines):
        monkeypatch.setattr(module, "granted_cpus", lambda: 1)
    for name in ("TF_NUM_INTRAOP_THREADS", "PJRT_NPROC"):
        monkeypatch.delenv(name, raising=False)
    device.prepare()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["PJRT_NPROC"] == "1"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    device.prepare()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"  # a user's choice stays


@pytest.mark.slow
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
