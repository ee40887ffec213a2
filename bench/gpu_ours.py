"""Our training step and our ensemble for `bench/gpu.py`: as users run them, and on the device without the host."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gpu_candidates import FOLDS, Timed, recipe


def training(backend: str, clips: np.ndarray, stalled: np.ndarray, tiny: bool) -> Timed:
    """Upload, forward, backward, Adam; the loss is waited for."""
    _load(backend)
    from stagewise.training.train import compiled

    model = compiled(recipe(tiny))
    model.train_on_batch(clips, stalled)  # makes `train_function`
    return Timed(lambda: float(model.train_on_batch(clips, stalled)), _train_alone(model, clips, stalled), len(clips))


def answering(backend: str, clips: np.ndarray, stalled: np.ndarray, tiny: bool) -> Timed:
    """r42's ensemble of five fused nets, random weights, and of eight mirror images."""
    device = _load(backend)
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse
    from stagewise.prediction.ensemble import merge

    made_of, layout = recipe(tiny), device.fastest_data_format()
    nets = [fuse(made_of.net.build(seed=fold, data_format=layout)) for fold in range(FOLDS)]
    model = made_of.answer.shown(merge(nets))
    predict = predictor(model, made_of.answer.openvino_precision)
    passes = len(clips) * made_of.answer.views * FOLDS
    return Timed(lambda: float(predict(clips).mean()), _answer_alone(model, clips), passes)


def _load(backend: str) -> Any:
    """Keras on a backend, in the recipe's precision where there is a GPU; the module `device`."""
    os.environ["KERAS_BACKEND"] = backend
    from stagewise.machine import device

    device.prepare()
    device.set_precision(recipe(tiny=False).gpu_precision)
    return device


def _train_alone(model: Any, clips: np.ndarray, stalled: np.ndarray) -> Callable[[int], None]:
    """n steps with all of it on the device already, and no wait between them."""
    import keras

    if keras.backend.backend() == "jax":
        return _train_alone_on_jax(model, clips, stalled)
    batch = tuple(map(keras.ops.convert_to_tensor, (clips, stalled)))

    def alone(count: int) -> None:
        for _ in range(count):
            logs = model.train_function(iter([(*batch, None)]))
        _wait(logs)

    return alone


def _train_alone_on_jax(model: Any, clips: np.ndarray, stalled: np.ndarray) -> Callable[[int], None]:
    """Keras' own jitted step; what it gives back goes into the next one, and into the model at the end alone."""
    import jax

    batch = tuple(map(jax.device_put, (clips, stalled)))
    parts = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")

    def alone(count: int) -> None:
        state = model._get_jax_state(**dict.fromkeys(parts, True), purge_model_variables=False)
        for _ in range(count):
            logs, state = model.train_function(state, iter([(*batch, None)]))
        jax.block_until_ready((logs, state))
        model._jax_state, model._jax_state_synced = dict(zip(parts, state, strict=True)), False
        model.jax_state_sync()

    return alone


def _answer_alone(model: Any, clips: np.ndarray) -> Callable[[int], None]:
    """n batches of answers, the clips on the device already."""
    import keras

    call = _stateless(model)
    resident = keras.ops.convert_to_tensor(clips)

    def alone(count: int) -> None:
        for _ in range(count):
            answers = call(resident)
        _wait(answers)

    return alone


def _stateless(model: Any) -> Callable[[Any], Any]:
    """The model's forward pass as the backend compiles it, its weights on the device once."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        weights = [
            [variable.value for variable in kind] for kind in (model.trainable_variables, model.non_trainable_variables)
        ]
        jitted = jax.jit(lambda weights, clips: model.stateless_call(*weights, clips, training=False)[0])
        return lambda clips: jitted(weights, clips)
    if backend == "tensorflow":
        import tensorflow

        from stagewise.machine import device

        return tensorflow.function(lambda clips: model(clips, training=False), jit_compile=device.jit_compile())
    import torch

    return torch.inference_mode()(lambda clips: model(clips, training=False))


def _wait(tensors: Any) -> None:
    """Return when the tensors are there; a device works in order, so that all before is done, too."""
    import keras

    first: Sequence[Any] = keras.tree.flatten(tensors)
    keras.ops.convert_to_numpy(first[0])
