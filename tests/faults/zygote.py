"""Runs numbered scripts, each in a fork of one process that has loaded TensorFlow and the rest once.

Started by `injection.Zygote` with the shim in LD_PRELOAD. A line of JSON on stdin is an order, a line of JSON on
stdout its outcome. Nothing that computes has run before the fork, so a fork is as good as a fresh process.
"""

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

from stagewise.machine import device

LOADED = (
    "sklearn.model_selection",
    "pandas",
    "matplotlib.figure",
    "tensorboardX.summary",
    "av",
    "stagewise.training.train",
    "stagewise.prediction.inference",
    "stagewise.prediction.ensemble",
    "stagewise.crops.extraction",
    "stagewise.checks.verification",
    "stagewise.checks.data_pictures",
    "stagewise.phantom.dataset",
    "stagewise.prediction.threshold",
    "stagewise.prediction.submission",
    "stagewise.joining.comparing",
    "stagewise.joining.tables",
)
SHARED_MEMORY = Path("/dev/shm")
TIMED_OUT = "timed out"


def run_script(order: dict, shim: ctypes.CDLL) -> int:
    """In the child: the script with its arguments, and the shim armed around it. Returns its exit code."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["STAGEWISE_ROOT"] = order["root"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    script, *arguments = order["command"]
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).absolute().parent))  # as Python does
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
        sys.stdout.flush()  # the shim stays armed: what is written on the way out meets the same disk


def child(order: dict, shim: ctypes.CDLL, report: int) -> int:
    """The fork's life up to its exit code, in a process group of its own."""
    os.setpgid(0, 0)
    code = run_script(order, shim)
    counts = [shim.fault_count(kind) for kind in range(6)]
    os.write(report, json.dumps({"counts": counts, "happened": bool(shim.fault_happened())}).encode())
    return code


def wait(process: int, order: dict) -> dict:
    """Wait for the child's end, and send it the order's signal on the way.

    Returns: code, the exit code (negative for a signal, as in subprocess); seconds it took in all, and that it went
    on after the signal; whether the signal was sent.
    """
    start, sent = time.monotonic(), None
    number, target, after = order["signal"] or (0, "", float("inf"))
    while (now := time.monotonic()) < start + order["seconds"]:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return {
                "code": os.waitstatus_to_exitcode(status),
                "seconds": now - start,
                "after_signal": sent and now - sent,
            }
        if sent is None and now > start + after and send(number, target, process):
            sent = now
        time.sleep(0.005)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return {"code": TIMED_OUT, "seconds": order["seconds"], "after_signal": None}


def send(number: int, target: str, process: int) -> bool:
    """Signal the child, its group as a terminal does, or its newest worker. Returns whether there was one."""
    if target == "group":
        os.killpg(process, number)
    elif target == "main":
        os.kill(process, number)
    elif target == "worker":
        started = workers(process)
        if not started:
            return False
        os.kill(started[-1], number)
    return True


def workers(process: int) -> list[int]:
    """The child's own children, the tracker of multiprocessing's resources aside."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def left_behind(group: int) -> list[str]:
    """What a script left running, given ten seconds to end: the command lines of its process group."""
    deadline = time.monotonic() + 10
    while found := running(group):
        if time.monotonic() > deadline:
            os.killpg(group, signal.SIGKILL)
            return found
        time.sleep(0.01)
    return []


def shared_memory() -> set[Path]:
    """All semaphores and blocks of Python's multiprocessing."""
    return {path for pattern in ("sem.mp-*", "psm_*") for path in SHARED_MEMORY.glob(pattern)}


def unused_shared_memory(before: set[Path]) -> list[str]:
    """What is new and without a user, given five seconds: other programs' may be on its way in or out."""
    deadline = time.monotonic() + 5
    while found := [str(path) for path in shared_memory() - before if not is_used(path)]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.2)
    return []


def is_used(shared: Path) -> bool:
    """Whether a process maps this piece of shared memory, or it is gone; other programs have theirs too."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if str(shared) in maps.read_text():
                return True
    return not shared.exists()


def running(group: int) -> list[str]:
    """The command lines of the processes in a group, zombies aside."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                found.append(stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def main() -> None:
    """Load everything, then fork for every order."""
    device.prepare()
    for name in LOADED:
        importlib.import_module(name)
    shim = ctypes.CDLL(None)
    print("\nready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        before = shared_memory()
        receiver, sender = os.pipe()
        process = os.fork()
        if not process:
            code = child(order, shim, sender)
            threading._shutdown()  # an interpreter's own way out, but for the clearing of all modules,
            atexit._run_exitfuncs()  # which would take longer than most scripts' work
            os._exit(code)
        os.close(sender)
        ended = wait(process, order)
        ended["left_behind"] = left_behind(process)
        ended["shared_memory"] = unused_shared_memory(before)
        with os.fdopen(receiver, "rb") as reports:
            report = json.loads(reports.read() or "{}")
        print(json.dumps({**ended, **report}), flush=True)


if __name__ == "__main__":
    main()
