"""Our training step and our ensemble for `bench/gpu.py`: as users run them, and on the device without the host."""

import os
from typing import Any

import numpy as np
from gpu_candidates import FOLDS, Timed, recipe


def training(backend: str, clips: np.ndarray, stalled: np.ndarray, tiny: bool) -> Timed:
    """Upload, forward, backward, Adam; the loss is waited for, where a training waits for the one before."""
    _load(backend)
    from stagewise.machine.steps import training_steps
    from stagewise.training.train import compiled

    steps = training_steps(compiled(recipe(tiny)))
    train_on = steps.__enter__()  # until the process ends
    resident = _on_device(clips, stalled)

    def alone(count: int, steps: object = steps) -> None:
        for _ in range(count):
            loss = train_on(*resident, None)
        float(loss)  # the device works in order, so that all before is done, too

    return Timed(lambda: float(train_on(clips, stalled, None)), alone, len(clips))


def answering(backend: str, clips: np.ndarray, stalled: np.ndarray, tiny: bool) -> Timed:
    """r42's ensemble of five fused nets, random weights, and of eight mirror images."""
    device = _load(backend)
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse
    from stagewise.prediction.ensemble import merge

    made_of, layout = recipe(tiny), device.fastest_data_format()
    nets = [fuse(made_of.net.build(seed=fold, data_format=layout)) for fold in range(FOLDS)]
    predict = predictor(made_of.answer.shown(merge(nets)), made_of.answer.openvino_precision)
    (resident,) = _on_device(clips)

    def alone(count: int) -> None:
        for _ in range(count):
            answers = predict(resident)
        np.asarray(answers)

    passes = len(clips) * made_of.answer.views * FOLDS
    return Timed(lambda: float(np.asarray(predict(clips)).mean()), alone, passes)


def _load(backend: str) -> Any:
    """Keras on a backend, in the recipe's precision where there is a GPU; the module `device`."""
    os.environ["KERAS_BACKEND"] = backend
    from stagewise.machine import device

    device.prepare()
    device.set_precision(recipe(tiny=False).gpu_precision)
    return device


def _on_device(*arrays: np.ndarray) -> tuple[Any, ...]:
    """The arrays as tensors of Keras' backend."""
    import keras

    return tuple(map(keras.ops.convert_to_tensor, arrays))
