"""What answers clips: Keras on its backend, or OpenVINO, made for CPUs."""

import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np

ENGINES = OPENVINO, KERAS = ("openvino", "keras")

Predictor = Callable[["np.ndarray"], "np.ndarray"]


def has_gpu() -> bool:
    """Whether the machine has a GPU, be it of use to the installed packages or not."""
    device_files = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, Windows' Linux
    return any(Path(file).exists() for file in device_files)


def default_engine(gpu: int | None) -> str:
    """OpenVINO where it is installed, no GPU is there or asked for, and no `KERAS_BACKEND` was chosen; else Keras."""
    wanted = gpu is not None or "KERAS_BACKEND" in os.environ or has_gpu()
    return KERAS if wanted or not importlib.util.find_spec("openvino") else OPENVINO


def predictor(model: "keras.Model", openvino_precision: str) -> Predictor:
    """The function that answers a batch, compiled for the engine that `device.prepare` has set up.

    model: from (B, T, H, W, 3) uint8; any B. openvino_precision: "bf16" (on a processor that computes in it; else
    f32) or "f32", for that engine.
    """
    import keras

    if keras.backend.backend() != OPENVINO:
        return lambda clips: keras.ops.convert_to_numpy(model.predict_on_batch(clips))
    import openvino

    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = openvino_precision if capable else "f32"
    with tempfile.TemporaryDirectory() as folder:
        graph = str(Path(folder) / "model.xml")
        model.export(graph, format="openvino", verbose=False)
        compiled = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return lambda clips: compiled(clips)[0]
