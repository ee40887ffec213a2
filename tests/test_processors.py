"""What TensorFlow computes for another processor than this one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stagewise.machine.processor import is_x86

SETTINGS = {"onednn": {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "without": {"TF_ENABLE_ONEDNN_OPTS": "0"}}


@pytest.mark.slow  # two processes load TensorFlow
@pytest.mark.skipif(not is_x86(), reason="AVX2 is of x86")
def test_gradients_of_every_net_by_kernels_for_avx2_are_those_without_onednn(tmp_path):
    script, files = Path(__file__).parent / "tiny_gradients.py", {name: tmp_path / f"{name}.npz" for name in SETTINGS}
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    for name, setting in SETTINGS.items():
        subprocess.run([sys.executable, script, files[name]], env=environment | setting, check=True, timeout=300)
    fast, plain = (np.load(path) for path in files.values())
    assert fast.files == plain.files and len(plain.files) > 300
    for name in plain.files:
        tolerance = 1e-4 * np.abs(plain[name]).max() + 1e-7  # that of terms which cancel out
        np.testing.assert_allclose(fast[name], plain[name], rtol=0, atol=tolerance, err_msg=name)
