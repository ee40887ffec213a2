"""Loads Keras on the backend that `KERAS_BACKEND` names, set up before it computes anything."""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import os
import subprocess
import sys
from types import ModuleType

from stagewise.machine.gpus import Choice, has_gpu
from stagewise.machine.processor import granted_cpus, is_x86, lacks_avx
from stagewise.messages.errors import StagewiseError

NEED_AVX = ("tensorflow", "jax")  # as their wheels are built; they die of an illegal instruction, or say so
# XLA puts the channels of 3D convolutions first on a GPU, which tensor cores dislike; this flag lets it keep ours. Off:
# unmeasured; bench/gpu.sh times steps and answers on JAX without it and with it.
NDHWC_FLAG = "--xla_gpu_force_conv_nhwc=true"
NDHWC_CONVOLUTIONS = False
# JAX 0.10.2's XLA fuses what stands before a matrix product into it where this experimental flag is in XLA_FLAGS; then
# answers take their 1x1x1 convolutions as products. A user's to set: 306 MB a clip and pass for 486, compiled for r42's
# 48 images with tiles that bench/gpu_candidates.py gives; untimed, and an XLA that lacks the flag aborts
FUSED_PRODUCTS_FLAG = "--xla_gpu_experimental_gemm_fusion_v2=true"
ASK = "import sys; from stagewise.machine import backends; print(backends.count_gpus(sys.argv[1]))"
COMPUTE = """
import sys
from stagewise.console import cli
from stagewise.machine import device
device.prepare(cli.gpu_choice(sys.argv[1]))
import keras
keras.ops.convert_to_numpy(keras.ops.ones(2) + 1)
"""
PATIENCE = 120.0  # seconds that a GPU has for that; one whose driver is lost may never answer


class _NoTensorFlow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Keras on another backend looks for TensorFlow too, to copy a layer: seconds of loading for nothing.

    It is found, as PyTorch asks while it loads, but cannot be imported.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == "tensorflow" else None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"no tensorflow beside {os.environ['KERAS_BACKEND']}", name=module.__name__)


def load_keras(backends: tuple[str, ...]) -> tuple[ModuleType, ModuleType]:
    """Keras and the module of the backend that `KERAS_BACKEND` names.

    Raises StagewiseError where that is none of `backends`, does not load, or cannot run on this processor.
    """
    name = os.environ["KERAS_BACKEND"]
    if name not in backends:
        raise StagewiseError(f"KERAS_BACKEND={name} is none of {', '.join(backends)}; run: unset KERAS_BACKEND")
    if name == "openvino":  # else it tells its maker of every model, from forks of this process that wait for a network
        sys.modules["openvino_telemetry"] = None
    try:
        backend = _loaded(name)
        if name != "tensorflow":
            sys.meta_path.insert(0, _NoTensorFlow())
        return importlib.import_module("keras"), backend
    except ImportError as error:
        raise StagewiseError(
            f"the backend {name} cannot be loaded ({error}); install it, or choose one that is there "
            "with the environment variable KERAS_BACKEND"
        ) from error


def count_gpus(name: str) -> int:
    """How many GPUs a backend sees that is loaded for the question."""
    _loaded(name)
    return len(seen_gpus(name))


def count_gpus_apart(name: str | None = None) -> int | None:
    """`count_gpus` in a process of its own, since TensorFlow loads Keras, whose backend would then be settled.

    name: None for the one that `KERAS_BACKEND` names. Returns: None where the backend does not load.
    """
    name = name or os.environ.get("KERAS_BACKEND", "tensorflow")
    asked = subprocess.run([sys.executable, "-c", ASK, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return None if asked.returncode else int(asked.stdout.split()[-1])


def computes_apart(gpu: Choice) -> bool:
    """Whether a process of its own, on the backend that `KERAS_BACKEND` names, can compute a sum there."""
    command = [sys.executable, "-c", COMPUTE, str(gpu)]
    with contextlib.suppress(subprocess.TimeoutExpired):
        return not subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode
    return False


def _loaded(name: str) -> ModuleType:
    """A backend's module, set up."""
    if name in NEED_AVX and lacks_avx():
        raise StagewiseError(
            f"this processor has no AVX instructions, which {name} needs; PyTorch does not, if slowly: "
            "python -m pip install torch, and export KERAS_BACKEND=torch"
        )
    _set_environment()
    if NDHWC_CONVOLUTIONS and name == "jax" and has_gpu():
        os.environ["XLA_FLAGS"] = with_flag(os.environ.get("XLA_FLAGS", ""), NDHWC_FLAG)
    backend = importlib.import_module(name)
    if name == "tensorflow":
        _set_up_tensorflow(backend)
    elif name == "torch" and granted_cpus() and "OMP_NUM_THREADS" not in os.environ:
        backend.set_num_threads(granted_cpus())
    return backend


def with_flag(given: str, flag: str) -> str:
    """XLA's flags with one more behind a user's own; where these name it, they stay as they are."""
    return given if flag.partition("=")[0] in given else f"{given} {flag}".strip()


def fuses_products() -> bool:
    """Whether the user's XLA_FLAGS have `FUSED_PRODUCTS_FLAG`."""
    return FUSED_PRODUCTS_FLAG in os.environ.get("XLA_FLAGS", "").split()


def _set_environment() -> None:
    """What a backend reads as it loads, unless the user has set it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its C++ side reports the absence of a GPU as an error
    # Else JAX takes three quarters of a GPU's memory, on which a second fold should fit.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if is_x86():
        # TensorFlow uses oneDNN by itself only where the processor has AVX512-VNNI, AVX512-BF16 or AMX. With AVX2, a
        # training step of the demo's net takes four times as long without it.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if threads := granted_cpus():
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        os.environ.setdefault("PJRT_NPROC", str(threads))  # JAX's


def _set_up_tensorflow(tensorflow: ModuleType) -> None:
    """Share the GPUs, or make the CPU's results repeatable; before TensorFlow runs anything."""
    gpus = tensorflow.config.list_physical_devices("GPU")
    for found in gpus:
        tensorflow.config.experimental.set_memory_growth(found, True)  # so that two folds fit on one GPU
    if not gpus:
        # With two operations at a time, some gradients of DenseNet3D's dense blocks differed in their last bits
        # from call to call, enable_op_determinism() or not. One at a time (on all cores) repeats them bit for
        # bit, as fast: measured 0.45 s a gradient against 0.46 s.
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"


def seen_gpus(backend: str) -> list[tuple[str, tuple[int, ...] | None]]:
    """Name and compute capability (of NVIDIA's) of each GPU that a loaded backend sees."""
    if backend == "tensorflow":
        import tensorflow

        found = tensorflow.config.list_physical_devices("GPU")
        details = [tensorflow.config.experimental.get_device_details(device) for device in found]
        return [(detail.get("device_name", "GPU"), detail.get("compute_capability")) for detail in details]
    if backend == "jax":
        import jax

        try:
            found = [device for device in jax.devices() if device.platform == "gpu"]
        except RuntimeError:  # CUDA is installed, and shows no GPU to this process
            return []
        capabilities = (getattr(device, "compute_capability", None) for device in found)  # such as "9.0"
        return [
            (device.device_kind, capability and tuple(map(int, capability.split("."))))
            for device, capability in zip(found, capabilities, strict=True)
        ]
    if backend == "torch":
        import torch

        numbers = range(torch.cuda.device_count())
        return [(torch.cuda.get_device_name(k), torch.cuda.get_device_capability(k)) for k in numbers]
    return []
