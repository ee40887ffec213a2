"""Sets up the device that Keras runs on; with `backends` and `steps`, all that knows one from another."""

import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from stagewise.machine.backends import count_gpus_apart, load_keras, seen_gpus
from stagewise.machine.compilation import keep_compiled, keep_none
from stagewise.machine.engines import KERAS, OPENVINO, has_openvino
from stagewise.machine.gpus import NONE, VISIBLE, Choice, has_gpu, maker, show_only
from stagewise.machine.processor import available_cpus, instruction_set
from stagewise.messages.errors import InputError, StagewiseError

if TYPE_CHECKING:
    import keras

BACKENDS = ("tensorflow", "jax", "torch")
BFLOAT16_SINCE = (8, 0)  # NVIDIA's compute capability of the first GPUs that compute in it


def prepare(gpu: Choice = None, engine: str = KERAS, needs_gpu: bool = False) -> str:
    """Choose the device, load Keras on it, and print the line that names what is really used.

    Call it before anything imports Keras. `KERAS_BACKEND` chooses the backend (default: tensorflow).
    gpu: one GPU, as `gpus.show_only` counts them; "none" for the CPU; None leaves the choice to the backend.
    engine: "keras", or "openvino", which predicts, on the CPU alone, and does not train.
    needs_gpu: whether a GPU that is there and that the backend does not see is an error; else it is a warning.

    Returns: the printed line, that of `describe`.
    Raises: StagewiseError if the backend is unknown, cannot be loaded, or does not see the GPU asked for.
    """
    if engine == OPENVINO:
        if gpu not in (None, NONE):
            raise InputError(f"--engine openvino runs on the CPU; to use GPU {gpu}, give --engine keras")
        os.environ["KERAS_BACKEND"] = OPENVINO
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if gpu is not None:
        show_only(gpu)
    kept = keep_compiled(os.environ["KERAS_BACKEND"]) if has_gpu() else ""  # before the backend is loaded
    keras, backend = load_keras(BACKENDS if engine != OPENVINO else (OPENVINO,))
    # The layers' axes are those of (T, H, W, C); a user's keras.json could say otherwise.
    keras.config.set_image_data_format("channels_last")
    found = gpus()
    if gpu not in (None, NONE) and not found:
        raise StagewiseError(
            f"GPU {gpu} was asked for, but {backend.__name__} {backend.__version__} sees no GPU there; list the GPUs "
            f"with: nvidia-smi -L; {_cuda_mend(backend.__name__)}; to use the CPU, give --gpu none"
        )
    line = describe()
    print(line, *[kept] * bool(kept and found), sep="\n", flush=True)
    if kept and not found:
        keep_none(backend.__name__)
    if not found and engine == KERAS and gpu is None and maker():
        _tell_unseen(backend.__name__, needs_gpu)
    return line


def _tell_unseen(backend: str, needs_gpu: bool) -> None:
    """Warn of a GPU that the backend does not see; with `needs_gpu`, raise StagewiseError instead.

    Where the environment hides it, that was meant, by the user or by a scheduler, and is said where a GPU is needed.
    """
    if not has_gpu():
        if needs_gpu:
            print(f"warning: {VISIBLE} hides this machine's {maker()} GPU; the training runs on the CPU", flush=True)
        return
    unseen = f"{backend} does not see this machine's {maker()} GPU; {_cuda_mend(backend)}"
    if needs_gpu:
        raise StagewiseError(f"{unseen}; to train on the CPU all the same, give --gpu none")
    print(f"warning: {unseen}", flush=True)


def _cuda_mend(backend: str) -> str:
    """How a backend comes to see the machine's GPU."""
    if maker() == "AMD":
        return f"install the build of {backend} for ROCm"
    return f"to install it with CUDA, run: python -m pip install -r requirements-gpu-{backend}.txt"


def prepare_to_predict(gpu: Choice = None, engine: str | None = None) -> str:
    """`prepare` for a script that does not train; engine: None for the fastest one on the device."""
    return prepare(gpu, engine or fastest_engine(gpu))


def fastest_engine(gpu: Choice) -> str:
    """OpenVINO where it is installed and Keras would run on the CPU, unless `KERAS_BACKEND` was chosen; else Keras.

    Where a GPU is there, Keras' backend is asked whether it sees it, and if not, OpenVINO it is, chosen or not.
    """
    if not has_openvino() or gpu not in (None, NONE):
        return KERAS
    if gpu == NONE or not has_gpu():
        return KERAS if "KERAS_BACKEND" in os.environ else OPENVINO
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if count_gpus_apart(backend) != 0:  # it sees one; or it does not load, and has its own message for that
        return KERAS
    print(f"warning: {backend} does not see this machine's {maker()} GPU; OpenVINO predicts on the CPU", flush=True)
    return OPENVINO


def describe() -> str:
    """Keras, its backend, and the device, such as `keras 3.15.1 on tensorflow 2.21.0: CPU (AVX2), 2 cores`."""
    import keras

    name = keras.backend.backend()
    used = ", ".join(gpus()) or f"CPU ({instruction_set()}), {available_cpus()} cores"
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


def compiles_each_shape() -> bool:
    """Whether a batch of another length costs a compilation, as with XLA; call after `prepare`."""
    return jit_compile()


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
    """Name and compute capability (of NVIDIA's) of each GPU that the backend of Keras sees."""
    import keras

    return seen_gpus(keras.backend.backend())
