"""Ctrl-C at a moment of a script's life, in a process of its own from its first instruction on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from house import started

LONGEST = 60.0  # seconds that a script may take to its end


def interrupt(command: tuple[str, ...], code: Path, root: Path, seconds: float) -> tuple[int, str, float]:
    """Run a script below the folder `code`, and give its whole process group Ctrl-C so long after its start.

    Returns: its exit code (negative: signal), its output, and the seconds from Ctrl-C to its end.
    """
    process = started(
        [sys.executable, *command],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code), "STAGEWISE_ROOT": str(root)},
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    time.sleep(seconds)
    sent = time.monotonic()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=LONGEST)  # to the end of the last process that holds the pipe
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0] + f"\nwent on for {LONGEST} s"
    return process.returncode, output, time.monotonic() - sent
