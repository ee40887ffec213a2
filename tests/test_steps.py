"""Steps that are not waited for train as Keras' own do, whatever becomes of their arrays."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_steps


def test_steps_are_those_of_keras_to_the_bit():
    tiny_steps.main()


@pytest.mark.parametrize("state", [(), ("packed",)])
def test_steps_are_those_of_keras_on_jax(state):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed; it is in requirements-test.txt")
    command = [sys.executable, str(Path(tiny_steps.__file__)), *state]
    run = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
