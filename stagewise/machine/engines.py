"""What answers clips: Keras on its backend, or OpenVINO, made for CPUs."""

import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary, ref

from stagewise.machine.processor import granted_cpus

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import ArrayLike

ENGINES = OPENVINO, KERAS = ("openvino", "keras")

Predictor = Callable[["np.ndarray"], "ArrayLike"]
Named = TypeVar("Named")  # what a caller knows a batch by

COMPILED: "WeakKeyDictionary[keras.Model, Callable]" = WeakKeyDictionary()  # by JAX, for any weights


class Answer:
    """What a net says of a batch, (B, ...), which may still be computed: NumPy waits for it when it reads it."""

    def __init__(self, tensor: object) -> None:
        self.tensor = tensor  # of Keras' backend

    def __array__(self, dtype: object = None, copy: bool | None = None) -> "np.ndarray":
        import keras
        import numpy as np

        return np.asarray(keras.ops.convert_to_numpy(self.tensor), dtype)


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def predictor(model: "keras.Model", openvino_precision: str) -> Predictor:
    """The function that answers a batch, compiled for the engine that `device.prepare` has set up.

    It answers by the weights that the model has now, and is made anew where they have changed; what Keras' backends
    compile is kept with the model, and serves any weights. On JAX, training and Keras' own `predict_on_batch` take the
    arrays of the weights away, which is an error at the next call. What it returns is read by `numpy.asarray`, which on
    Keras waits until it has been computed; the batch must stay as it is until then.

    model: from (B, T, H, W, 3) uint8; any B. openvino_precision: "bf16" (on a processor that computes in it; else
    f32) or "f32", for that engine.
    """
    import keras

    backend = keras.backend.backend()
    if backend == OPENVINO:
        return _on_openvino(model, openvino_precision)
    if backend == "jax":
        return _on_jax(model)
    model.make_predict_function()
    return lambda clips: Answer(model.predict_function([(clips,)]))


def answered(predict: Predictor, batches: "Iterable[tuple[Named, np.ndarray]]") -> "Iterator[tuple[Named, np.ndarray]]":
    """Each batch's answer, in the batches' order: the next batch is read and begun while this one is computed.

    batches: (what it is known by, clips), each in memory of its own, or that holds until the next but one is asked for.
    """
    import numpy as np

    begun: list[tuple[Named, ArrayLike]] = []
    for name, clips in batches:
        begun.append((name, predict(clips)))
        if len(begun) > 1:
            known, answer = begun.pop(0)
            yield known, np.asarray(answer)
    for known, answer in begun:
        yield known, np.asarray(answer)


def _on_jax(model: "keras.Model") -> Predictor:
    """Weights stay on the device; Keras' own `predict_on_batch` takes them out of the model and puts them back.

    For five nets of 431 variables that was a multiple of a small net's own time: bench/answer_host.py measures it.
    """
    import jax

    if model not in COMPILED:
        known = ref(model)  # else the function would keep the model alive, and the model the function

        def answer(weights: tuple[list, list], clips: jax.Array) -> jax.Array:
            return known().stateless_call(*weights, clips, training=False)[0]

        COMPILED[model] = jax.jit(answer)
    compiled = COMPILED[model]
    weights = tuple(
        [variable.value for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )

    def predict(clips: "np.ndarray", held: "keras.Model" = model) -> Answer:  # which a new length is compiled by
        return Answer(compiled(weights, clips))

    return predict


def _on_openvino(model: "keras.Model", wanted_precision: str) -> Predictor:
    """Answers at once, on all cores: beside the seconds of a batch, reading the next one is nothing to overlap."""
    import openvino

    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = wanted_precision if capable else "f32"
    with tempfile.TemporaryDirectory() as folder:
        graph = str(Path(folder) / "model.xml")
        model.export(graph, format="openvino", verbose=False)
        settings = {"INFERENCE_PRECISION_HINT": precision}
        if threads := granted_cpus():
            settings["INFERENCE_NUM_THREADS"] = threads
        compiled = openvino.compile_model(graph, "CPU", settings)
    return lambda clips: compiled(clips)[0]
