"""Sets up the device that Keras runs on; with `backends`, the only module that knows one backend from another."""

import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from stagewise.backends import load_keras, show_only
from stagewise.cli import available_cpus
from stagewise.engines import KERAS, OPENVINO, default_engine, has_gpu
from stagewise.errors import InputError, StagewiseError

if TYPE_CHECKING:
    import keras

BACKENDS = ("tensorflow", "jax", "torch")
BFLOAT16_SINCE = (8, 0)  # NVIDIA's compute capability of the first GPUs that compute in it


def prepare(gpu: int | None = None, engine: str = KERAS) -> str:
    """Choose the device, load Keras on it, and print the line that names what is really used.

    Call it before anything imports Keras. `KERAS_BACKEND` chooses the backend (default: tensorflow).
    gpu: the number of one GPU, as nvidia-smi counts them; None leaves the choice to the backend.
    engine: "keras", or "openvino", which predicts, on the CPU alone, and does not train.

    Returns: the printed line, that of `describe`.
    Raises: StagewiseError if the backend is unknown, cannot be loaded, or does not see the GPU asked for.
    """
    if engine == OPENVINO:
        if gpu is not None:
            raise InputError(f"--engine openvino runs on the CPU; to use GPU {gpu}, give --engine keras")
        os.environ["KERAS_BACKEND"] = OPENVINO
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its C++ side reports the absence of a GPU as an error
    if gpu is not None:
        show_only(gpu)
    keras, backend = load_keras(BACKENDS if engine != OPENVINO else (OPENVINO,))
    # The layers' axes are those of (T, H, W, C); a user's keras.json could say otherwise.
    keras.config.set_image_data_format("channels_last")
    found = gpus()
    if gpu is not None and not found:
        raise StagewiseError(
            f"GPU {gpu} was asked for, but {keras.backend.backend()} {backend.__version__} sees no GPU there; list the "
            "GPUs with: nvidia-smi -L; install the backend with CUDA (see the README), or leave --gpu out"
        )
    line = describe()
    print(line, flush=True)
    if not found and engine == KERAS and has_gpu() and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        name = keras.backend.backend()
        print(f"warning: {name} does not see this machine's GPU; install it with CUDA (see the README)", flush=True)
    return line


def prepare_to_predict(gpu: int | None = None, engine: str | None = None) -> str:
    """`prepare` for a script that does not train; engine: None for `default_engine`."""
    return prepare(gpu, engine or default_engine(gpu))


def describe() -> str:
    """Keras, its backend, and the device in use, such as `keras 3.15.1 on tensorflow 2.21.0: CPU, 2 cores`."""
    import keras

    name = keras.backend.backend()
    used = ", ".join(gpus()) or f"CPU, {available_cpus()} cores"
    version = sys.modules[name].__version__.partition("-")[0]  # OpenVINO adds its build
    return f"keras {keras.__version__} on {name} {version}: {used}"


def jit_compile() -> bool:
    """Whether a model should be compiled with XLA on the device in use; call after `prepare`.

    On CPU, TensorFlow's XLA ran DenseNet121-3D 11 times slower than its plain graphs; JAX knows nothing else;
    PyTorch's compiler is left alone.
    """
    import keras

    backend = keras.backend.backend()
    return backend == "jax" or (backend == "tensorflow" and bool(gpus()))


def fastest_data_format() -> str:
    """Where the convolutions of a net that only predicts should have their channels; call after `prepare`.

    OpenVINO computes with channels first and puts 366 transposes around the layers of DenseNet121-3D otherwise.
    """
    import keras

    return "channels_first" if keras.backend.backend() == OPENVINO else "channels_last"


def set_precision(gpu_policy: str) -> None:
    """Let the nets built from now on compute in the Keras dtype policy of the recipe, on a GPU; a CPU keeps float32.

    So does a GPU that is too old for bfloat16, which says so.
    """
    import keras

    if not (found := _gpus()):
        return
    too_old = [name for name, capability in found if capability and capability < BFLOAT16_SINCE]
    if "bfloat16" in gpu_policy and too_old:
        print(f"warning: {too_old[0]} does not compute in bfloat16; float32 instead of {gpu_policy}", flush=True)
        gpu_policy = "float32"
    keras.config.set_dtype_policy(gpu_policy)


def gradient(model: "keras.Model", inputs: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """How the model's output, times a direction, grows with its input; the model predicts, it does not train.

    inputs: (B, ...) float32; direction: of the shape of one output. Returns: float32 of the inputs' shape.
    Raises InputError on OpenVINO, which has no gradients.
    """
    import keras

    backend = keras.backend.backend()
    if backend == OPENVINO:
        raise InputError("OpenVINO computes no gradients; give --engine keras")

    def along(x: object) -> object:
        return keras.ops.sum(keras.ops.multiply(model(x, training=False), direction))

    if backend == "jax":
        import jax

        return np.asarray(jax.grad(along)(inputs), np.float32)
    x = keras.ops.convert_to_tensor(inputs)
    if backend == "torch":
        import torch

        x.requires_grad_()
        return keras.ops.convert_to_numpy(torch.autograd.grad(along(x), x)[0]).astype(np.float32)
    import tensorflow

    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        value = along(x)
    return np.asarray(tape.gradient(value, x), np.float32)


def gpus() -> list[str]:
    """The names of the GPUs that the loaded backend sees."""
    return [name for name, _ in _gpus()]


def _gpus() -> list[tuple[str, tuple[int, ...] | None]]:
    """Name and compute capability (of NVIDIA's) of each GPU that the loaded backend sees."""
    import keras

    backend = keras.backend.backend()
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
