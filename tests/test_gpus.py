"""`--gpu J` counts within what a scheduler shows, and never beyond it."""

import argparse
import os
import subprocess
import sys

import pytest

from stagewise.console import cli
from stagewise.machine import gpus
from stagewise.messages.errors import InputError


@pytest.fixture
def shown(monkeypatch):
    """A function that sets CUDA_VISIBLE_DEVICES, as a scheduler does; None unsets it."""
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)

    def show(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv(gpus.VISIBLE, raising=False)
        else:
            monkeypatch.setenv(gpus.VISIBLE, value)

    return show


@pytest.mark.parametrize(
    ("value", "gpu", "chosen"),
    [
        (None, 5, "5"),
        ("3", 0, "3"),
        ("0,2", 1, "2"),
        (" 6 , 4 ", 1, "4"),
        ("MIG-3f1b-22", 0, "MIG-3f1b-22"),
        ("GPU-5d5a,GPU-77aa", 1, "GPU-77aa"),
        ("3,-1,5", 0, "3"),
        ("0,2", gpus.NONE, "-1"),
        (None, gpus.NONE, "-1"),
        ("", gpus.NONE, "-1"),
    ],
)
def test_a_gpu_is_one_of_those_that_are_shown(shown, value, gpu, chosen):
    shown(value)
    assert gpus.settings(gpu)[gpus.VISIBLE] == chosen


@pytest.mark.parametrize(
    ("value", "gpu", "message"),
    [
        ("3", 1, "CUDA_VISIBLE_DEVICES=3 shows 1 of the machine's GPUs.*give --gpu 0 or less"),
        ("0,2", 2, "shows 2 of .*and --gpu 2 asks for another; give --gpu 1 or less"),
        ("3,-1,5", 1, "shows 1 of the machine's GPUs"),  # CUDA stops reading at -1
        ("", 0, "CUDA_VISIBLE_DEVICES= shows none of the machine's GPUs.*unset CUDA_VISIBLE_DEVICES.*--gpu none"),
        ("-1", 0, "shows none"),
        ("NoDevFiles", 0, "shows none"),
    ],
)
def test_a_gpu_beyond_those_that_are_shown_is_refused(shown, value, gpu, message):
    shown(value)
    with pytest.raises(InputError, match=message):
        gpus.settings(gpu)


def test_gpus_count_as_nvidia_smi_counts_them_unless_the_scheduler_says_otherwise(shown, monkeypatch):
    shown("3")
    assert gpus.settings(0)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    assert gpus.settings(0)["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"
    shown(None)  # then it is for us to say
    assert gpus.settings(0)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


@pytest.mark.parametrize(("value", "there"), [(None, True), ("0", True), ("", False), ("-1", False)])
def test_a_gpu_that_is_hidden_is_not_looked_for(shown, monkeypatch, tmp_path, value, there):
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(gpus, "NVIDIA_FILES", (str(tmp_path / "nvidiactl"),))
    shown(value)
    assert gpus.has_gpu() is there and gpus.maker() == "NVIDIA"


@pytest.mark.parametrize(
    ("device_files", "maker"), [((), None), (("kfd",), "AMD"), (("kfd", "nvidia0"), "NVIDIA"), (("dxg",), None)]
)
def test_the_makers_device_files_tell_of_a_gpu(monkeypatch, tmp_path, device_files, maker):
    monkeypatch.setattr(gpus, "NVIDIA_FILES", (str(tmp_path / "nvidia0"),))
    monkeypatch.setattr(gpus, "AMD_FILE", str(tmp_path / "kfd"))
    for name in device_files:
        (tmp_path / name).touch()
    assert gpus.maker() == maker


def test_the_option_takes_a_number_or_none():
    assert [cli.gpu_choice(text) for text in ("0", "7", "none")] == [0, 7, gpus.NONE]
    for text in ("-1", "x", "0,1", ""):
        with pytest.raises((ValueError, argparse.ArgumentTypeError)):
            cli.gpu_choice(text)


def test_a_script_says_so_before_anything_heavy_is_loaded():
    code = "from stagewise.console import cli; from stagewise.machine import device; cli.run(lambda: device.prepare(1))"
    environment = {**os.environ, gpus.VISIBLE: "MIG-3f1b-22"}
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "error: CUDA_VISIBLE_DEVICES=MIG-3f1b-22 shows 1 of" in done.stderr
    assert "tensorflow" not in done.stderr and "Traceback" not in done.stderr
