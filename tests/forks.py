"""Runs numbered scripts, each in a fork of one process that has loaded TensorFlow and the rest once: 5 s less a script.

Nothing that computes has run before the fork, so that a fork is as good as a fresh process; tests/faults does the
same. Run as a script, a line of JSON on its standard input is an order, and a line on its output the answer: the
number of the process that an order to start has begun, the exit code of one that was waited for.
"""

import atexit
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LOADED = (
    "stagewise.training.train",
    "stagewise.prediction.inference",
    "stagewise.prediction.predict",
    "stagewise.crops.extraction",
    "stagewise.checks.verification",
    "stagewise.checks.data_pictures",
    "stagewise.phantom.dataset",
    "stagewise.prediction.threshold",
    "stagewise.prediction.submission",
    "stagewise.scores.curves",
    "stagewise.report.page",
    "sklearn.model_selection",
    "tensorboardX.summary",
)


class Forks:
    """The process that forks, for the scripts of one folder; a context manager."""

    def __init__(self, code: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=code,
            env={**os.environ, "PYTHONPATH": str(code), "KERAS_BACKEND": "tensorflow"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, command: tuple[str, ...], root: Path, longest: float) -> tuple[int, str]:
        """A script, relative to the folder, with its arguments. Returns: its exit code and all its output."""
        with tempfile.NamedTemporaryFile() as output:
            code = self.wait(self.start(command, root, Path(output.name)), longest)
            return code, Path(output.name).read_text(errors="replace")

    def start(self, command: tuple[str, ...], root: Path, output: Path) -> int:
        """The same, begun alone, beside others. Returns: the number of its process, to be waited for."""
        return self._answer(command=command, root=str(root), output=str(output))

    def wait(self, process: int, longest: float) -> int:
        """Its exit code, negative for a signal, once it has ended or been killed after so many seconds."""
        return self._answer(process=process, longest=longest)

    def _answer(self, **order: object) -> int:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def _run_script(order: dict) -> int:
    """In the fork: the script as Python runs it. Returns its exit code."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["STAGEWISE_ROOT"] = order["root"]
    del os.environ["KERAS_BACKEND"]  # which a user has not set
    sys.argv = list(order["command"])
    sys.path.insert(0, str(Path(sys.argv[0]).absolute().parent))  # as Python does
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return 0
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()


def _start(order: dict) -> int:
    process = os.fork()
    if not process:
        code = _run_script(order)
        threading._shutdown()  # an interpreter's own way out, but for the clearing of all modules,
        atexit._run_exitfuncs()  # which takes seconds
        os._exit(code)
    return process


def _wait(process: int, longest: float) -> int:
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -signal.SIGKILL


def main() -> None:
    """Load everything, then fork for every order to start."""
    from stagewise.machine import device

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed while loading
    device.prepare()
    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        answer = _wait(**order) if "process" in order else _start(order)
        answers.write(f"{answer}\n")
        answers.flush()


if __name__ == "__main__":
    main()
