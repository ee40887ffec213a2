"""Runs numbered scripts, each in a fork of one process that has loaded TensorFlow and the rest once.

Started by `injection.Zygote` with the shim in LD_PRELOAD. A line of JSON on stdin is an order, a line of JSON on
stdout its outcome. Nothing that computes has run before the fork, so a fork is as good as a fresh process.
"""

import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
import time

from stagewise import device

LOADED = (
    "sklearn.model_selection", "pandas", "matplotlib.figure", "tensorboardX.summary", "av",
    "stagewise.train", "stagewise.inference", "stagewise.ensemble", "stagewise.extraction", "stagewise.verification",
    "stagewise.data_pictures", "stagewise.phantom.dataset", "stagewise.threshold", "stagewise.submission",
)  # fmt: skip
TIMED_OUT = "timed out"


def run_script(order: dict, shim: ctypes.CDLL) -> int:
    """In the child: the script with its arguments, and the shim armed around it. Returns its exit code."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["STAGEWISE_ROOT"] = order["root"]
    script, *arguments = order["command"]
    sys.argv = [script, *arguments]
    shim.fault_arm(os.fsencode(order["below"]), *order["fault"])
    try:
        runpy.run_path(script, run_name="__main__")
        return 0
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 70  # EX_SOFTWARE: a traceback, which no fault may end in
    finally:
        sys.stdout.flush()
        shim.fault_disarm()


def child(order: dict, shim: ctypes.CDLL, report: int) -> None:
    """The fork's whole life."""
    code = run_script(order, shim)
    counts = [shim.fault_count(kind) for kind in range(6)]
    os.write(report, json.dumps({"counts": counts, "happened": bool(shim.fault_happened())}).encode())
    os._exit(code)


def wait(process: int, seconds: float) -> int | str:
    """The exit code, negative for a signal as in subprocess."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return TIMED_OUT


def main() -> None:
    """Load everything, then fork for every order."""
    device.prepare()
    for name in LOADED:
        importlib.import_module(name)
    shim = ctypes.CDLL(None)
    print("\nready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        receiver, sender = os.pipe()
        process = os.fork()
        if not process:
            child(order, shim, sender)
        os.close(sender)
        code = wait(process, order["seconds"])
        with os.fdopen(receiver, "rb") as reports:
            report = json.loads(reports.read() or "{}")
        print(json.dumps({"code": code, **report}), flush=True)


if __name__ == "__main__":
    main()
