"""Loads Keras on the backend that `KERAS_BACKEND` names, set up before it computes anything."""

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from types import ModuleType

from stagewise.errors import StagewiseError


def show_only(gpu: int) -> None:
    """Hide all GPUs but one from the backend, which reads the environment once, while it loads."""
    if "keras" in sys.modules:
        raise RuntimeError("device.prepare(gpu) must be called before Keras is imported")
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # nvidia-smi's order; CUDA's own puts the fastest first
    os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)


class _NoTensorFlow(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Keras on another backend looks for TensorFlow too, to copy a layer: seconds of loading for nothing.

    It is found, as PyTorch asks while it loads, but cannot be imported.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == "tensorflow" else None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"no tensorflow beside {os.environ['KERAS_BACKEND']}", name=module.__name__)


def load_keras(backends: tuple[str, ...]) -> tuple[ModuleType, ModuleType]:
    """Keras and its backend's own module. Raises StagewiseError where that is none of `backends`, or does not load."""
    name = os.environ["KERAS_BACKEND"]
    if name not in backends:
        raise StagewiseError(f"KERAS_BACKEND={name} is none of {', '.join(backends)}; run: unset KERAS_BACKEND")
    if name == "openvino":  # else it tells its maker of every model, from forks of this process that wait for a network
        sys.modules["openvino_telemetry"] = None
    try:
        backend = importlib.import_module(name)
        if name == "tensorflow":
            _set_up_tensorflow(backend)
        else:
            # else JAX takes three quarters of a GPU's memory, on which a second fold should fit
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
            sys.meta_path.insert(0, _NoTensorFlow())
        return importlib.import_module("keras"), backend
    except ImportError as error:
        raise StagewiseError(
            f"the backend {name} cannot be loaded ({error}); install it, or choose one that is there "
            "with the environment variable KERAS_BACKEND"
        ) from error


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
