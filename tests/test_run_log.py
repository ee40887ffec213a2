"""A run's log: whole over interruptions, kills and crashes, and never what ends a training."""

import logging
import os
import re
import resource
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from stagewise.console.run_log import logged, say
from stagewise.machine.interruption import Terminated
from stagewise.messages.errors import InputError

SITTING = """
import os, signal, sys
from pathlib import Path
from stagewise.console.run_log import logged, say
with logged(Path(sys.argv[1]), "about the run"):
    say("epoch 1")
    os.kill(os.getpid(), int(sys.argv[2]))
"""
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} "


def messages(path: Path) -> list[str]:
    """The log's lines without the time; each must have one."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    assert all(re.match(STAMP, line) for line in lines), lines
    return [re.sub(f"^{STAMP}", "", line) for line in lines]


def test_every_sitting_is_added_with_what_was_started_said_and_how_it_ended(tmp_path, capsys):
    path = tmp_path / "train.log"
    with logged(path, "versions", "plan"):
        say("epoch 1")
    before = path.read_bytes()
    with pytest.raises(Terminated), logged(path):
        raise Terminated
    with pytest.raises(InputError), logged(path):
        raise InputError("no such thing")
    say("of no run")
    assert path.read_bytes().startswith(before)
    said = messages(path)
    starts = [number for number, line in enumerate(said) if line.startswith("started: python ")]
    assert starts == [0, 6, 9]
    assert said[1].startswith(f"process {os.getpid()} on ") and "cores" in said[1]
    assert said[2:6] == ["versions", "plan", "epoch 1", "finished"]
    assert (said[8], said[11:]) == ("interrupted: Terminated", ["error: no such thing"])
    assert capsys.readouterr() == ("epoch 1\nof no run\n", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_kill_loses_no_line_and_a_crash_of_c_code_leaves_where_python_was(tmp_path, number):
    path = tmp_path / "train.log"
    command = [sys.executable, "-c", SITTING, str(path), str(int(number))]
    assert subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60).returncode == -number
    with logged(path):
        pass
    text = path.read_text()
    assert "about the run" in text and "epoch 1" in text and text.count("started: ") == 2
    assert ("Fatal Python error" in text and 'File "<string>", line 7' in text) == (number != signal.SIGKILL)


def test_an_error_in_the_code_leaves_its_traceback_and_goes_on_its_way(tmp_path):
    path = tmp_path / "train.log"
    with pytest.raises(ZeroDivisionError), logged(path):
        1 / 0  # noqa: B018
    assert "ended by an error:\nTraceback (most recent call last):\n" in path.read_text()
    assert "1 / 0" in path.read_text() and "ZeroDivisionError: division by zero" in path.read_text()


def test_warnings_of_every_package_come_into_the_log_while_the_run_lasts(tmp_path):
    path, root = tmp_path / "train.log", logging.getLogger()
    handlers, show = list(root.handlers), warnings.showwarning
    with logged(path):
        warnings.warn("of Python", stacklevel=1)
        logging.getLogger("absl").warning("of a package")
        logging.getLogger("absl").info("no warning")
    logging.getLogger("absl").warning("too late")
    text = path.read_text()
    assert "UserWarning: of Python" in text and "of a package" in text
    assert "no warning" not in text and "too late" not in text
    assert (root.handlers, warnings.showwarning) == (handlers, show)


def test_a_log_that_cannot_be_opened_is_an_error_before_the_run(tmp_path):
    for path in (tmp_path, tmp_path / "absent" / "train.log"):
        with pytest.raises(OSError) as error, logged(path):
            pytest.fail("the run has begun")
        assert error.value.filename == str(path)


def test_a_full_disk_is_said_and_ends_nothing(capsys):
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("no /dev/full")
    with logged(path):
        say("epoch 1")
    out, err = capsys.readouterr()
    assert out == "epoch 1\n"
    assert "warning: /dev/full: [Errno 28] No space left on device; the training goes on" in err
    assert "Traceback" not in err


def test_a_line_that_the_disk_refused_comes_when_there_is_room_again(tmp_path, capsys):
    path, before = tmp_path / "train.log", resource.getrlimit(resource.RLIMIT_FSIZE)
    with logged(path):
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, before[1]))
        try:
            say("epoch 1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "epoch 1" not in path.read_text()
        say("epoch 2")
    assert messages(path)[-3:] == ["epoch 1", "epoch 2", "finished"]
    assert "File too large" in capsys.readouterr().err
