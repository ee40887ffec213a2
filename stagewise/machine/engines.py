"""What answers clips: Keras on its backend, or OpenVINO, made for CPUs."""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.machine.processor import granted_cpus

if TYPE_CHECKING:
    import keras
    import numpy as np

ENGINES = OPENVINO, KERAS = ("openvino", "keras")

Predictor = Callable[["np.ndarray"], "np.ndarray"]


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


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
        settings = {"INFERENCE_PRECISION_HINT": precision}
        if threads := granted_cpus():
            settings["INFERENCE_NUM_THREADS"] = threads
        compiled = openvino.compile_model(graph, "CPU", settings)
    return lambda clips: compiled(clips)[0]
