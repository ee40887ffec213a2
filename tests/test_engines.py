"""What answers batches: the weights that a net has now, each answer beside its batch, one batch ahead."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from stagewise.machine import device
from stagewise.machine.engines import answered, predictor
from stagewise.masks import predicting
from stagewise.nets.densenet3d import densenet3d
from stagewise.prediction.ensemble import merge
from stagewise.prediction.predict import clips_at_once
from stagewise.recipes.d121 import D121
from stagewise.recipes.r101 import R101

NET = replace(D121.net, input_shape=(9, 12, 12), blocks=(1, 1), growth_rate=4, stem_filters=4, head_units=4)


def check_new_weights() -> None:
    """Of the backend in use: a predictor answers as the model does, and by new weights where it is made anew."""
    model = D121.answer.shown(merge([densenet3d(NET, seed=seed) for seed in (0, 1)]))
    clips = np.random.default_rng(0).integers(0, 256, (3, *NET.input_shape, 3), np.uint8)
    seen = []
    for _ in range(2):
        answers = np.asarray(predictor(model, "f32")(clips))
        assert answers.shape == (3, 8, 2) and answers.dtype == np.float32
        np.testing.assert_allclose(answers, model.predict_on_batch(clips), atol=1e-6, rtol=0)
        seen.append(answers)
        for variable in model.trainable_variables:
            variable.assign(variable * -1.5)
    assert np.abs(seen[0] - seen[1]).min() > 1e-6
    if keras.backend.backend() == "jax":
        from stagewise.machine.engines import COMPILED

        assert COMPILED[model]._cache_size() == 1  # new weights, the same program
        import gc

        predict = predictor(model, "f32")
        del model
        gc.collect()
        longer = np.concatenate([clips, clips])  # which is compiled now
        np.testing.assert_allclose(np.asarray(predict(longer))[:3], np.asarray(predict(clips)), atol=1e-6, rtol=0)
        del predict
        gc.collect()
        assert not COMPILED  # which keeps no net alive


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_predictor_answers_by_the_weights_that_the_net_has_when_it_is_made(backend):
    pytest.importorskip(backend)
    if backend == keras.backend.backend():
        check_new_weights()
        return
    paths = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    command = [sys.executable, "-c", "import test_engines; test_engines.check_new_weights()"]
    settings = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


class Tape:
    """A predictor that keeps a record of what was begun and what was read, in their order."""

    def __init__(self, fails: int | None = None) -> None:
        self.record, self.fails = [], fails

    def __call__(self, clips: np.ndarray) -> "Tape.Later":
        self.record.append(("begun", clips[0]))
        return Tape.Later(self, clips)

    class Later:
        def __init__(self, tape: "Tape", clips: np.ndarray) -> None:
            self.tape, self.clips = tape, clips

        def __array__(self, dtype=None, copy=None) -> np.ndarray:
            if self.clips[0] == self.tape.fails:
                raise MemoryError(f"of batch {self.clips[0]}")
            self.tape.record.append(("read", self.clips[0]))
            return self.clips + 100


def test_a_batch_is_begun_before_the_answer_to_the_one_before_it_is_read():
    tape = Tape()
    pairs = list(answered(tape, ((name, np.array([number])) for number, name in enumerate("abc"))))
    assert [(name, int(answer[0])) for name, answer in pairs] == [("a", 100), ("b", 101), ("c", 102)]
    begun_first = [("begun", 0), ("begun", 1), ("read", 0), ("begun", 2), ("read", 1), ("read", 2)]
    assert tape.record == begun_first
    assert list(answered(tape, ())) == []


def test_an_answer_that_cannot_be_computed_is_an_error_behind_those_before_it():
    answers = answered(Tape(fails=1), ((number, np.array([number])) for number in range(4)))
    assert next(answers)[0] == 0
    with pytest.raises(MemoryError, match="of batch 1"):
        next(answers)


def test_on_a_gpu_every_level_is_shown_as_many_images_at_once(monkeypatch):
    net = densenet3d(NET)
    with_flips = D121.answer.shown(merge([net, densenet3d(NET)]))
    monkeypatch.setattr(device, "gpus", list)
    assert (clips_at_once(with_flips, D121), clips_at_once(net, D121)) == (1, 8)
    monkeypatch.setattr(device, "gpus", lambda: ["H100"])
    assert (clips_at_once(with_flips, D121), clips_at_once(net, D121)) == (6, 48)
    assert clips_at_once(R101.answer.shown(net), R101) == R101.batch_size


def test_images_are_answered_once_each_and_only_a_last_batch_is_filled_up():
    seen = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1)
    sums, shown = np.zeros((7, 1, 1), np.float32), []

    def predict(images: np.ndarray) -> np.ndarray:
        shown.append(images)
        return images / 10

    for part, answer in answered(predict, predicting._batches(seen, sums, 3)):
        part += answer[: len(part), ..., 0]
    np.testing.assert_allclose(sums.ravel(), np.arange(7) / 10)
    assert [images.ravel().tolist() for images in shown] == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert [np.shares_memory(images, seen) for images in shown] == [True, True, False]  # no copy of a full one
