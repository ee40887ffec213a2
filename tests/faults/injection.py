"""Fault injection: run a numbered script so that its N-th read, write, flush, rename or removal of a file fails.

The scripts know nothing of it: `shim.c` stands between them and libc.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LONGEST = 120.0  # seconds after which a script counts as hanging
COUNT, BROKEN, FULL, KILLED = range(4)  # the shim's ways
READ, WRITE, FLUSH, RENAME, REMOVE, CHANGE = range(6)  # the shim's kinds; CHANGE is any but READ
KINDS = {
    "read error": (READ, BROKEN),
    "write error": (WRITE, BROKEN),
    "disk full": (WRITE, FULL),
    "flush error": (FLUSH, BROKEN),
    "rename error": (RENAME, BROKEN),
    "removal error": (REMOVE, BROKEN),
    "kill": (CHANGE, KILLED),
}


@dataclass(frozen=True)
class Fault:
    """The `call`-th call, from 1, of one of `KINDS`."""

    kind: str
    call: int

    def __str__(self) -> str:
        return f"{self.kind} at call {self.call}"

    @property
    def numbers(self) -> tuple[int, int, int]:
        """What the shim is armed with."""
        return (*KINDS[self.kind], self.call)


@dataclass(frozen=True)
class Signal:
    """A signal that a script gets some `seconds` after its start.

    target: "main", "group" (as a terminal's Ctrl-C reaches it), or "worker" (the newest one, once there is one).
    """

    number: int
    target: str
    seconds: float

    def __str__(self) -> str:
        return f"{signal.Signals(self.number).name} to the {self.target} after {self.seconds:.2f} s"


@dataclass(frozen=True)
class Outcome:
    """How a script ended: exit code (negative: signal; or "timed out"), all its output, and what the shim saw.

    `calls` counts the file operations of each of `KINDS`; empty for a killed run, whose `happened` is true.
    `after_signal` is how many seconds it went on after its signal, None where none came; `left_behind` are the
    command lines of processes that outlived it by ten seconds, `shared_memory` what of it no process uses.
    """

    code: int | str
    output: str
    calls: dict[str, int]
    happened: bool
    seconds: float
    after_signal: float | None
    left_behind: list[str]
    shared_memory: list[str]


def missing_tool() -> str:
    """Why faults cannot be injected on this machine, or ""."""
    if sys.platform != "linux":
        return "LD_PRELOAD and /proc are Linux's"
    return "" if shutil.which("cc") else "no C compiler: cc is not there"


class Zygote:
    """A process that has loaded everything and runs scripts in forks of itself; a context manager.

    code: the folder that holds stagewise/ and the scripts; below: the folder whose files are watched; scratch: for
    the shim and the outputs, not below `below`.
    """

    def __init__(self, code: Path, below: Path, scratch: Path) -> None:
        self.code, self.below, self.output = code, below, scratch / "output.txt"
        scratch.mkdir(parents=True, exist_ok=True)
        shim = scratch / "shim.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, HERE / "shim.c", "-ldl"], check=True)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(shim),
            "PYTHONPATH": str(code),
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
        }
        self.process = subprocess.Popen(
            [sys.executable, HERE / "zygote.py"],
            cwd=code,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if "ready\n" not in self.process.stdout:  # which reads up to that line
            raise RuntimeError("the process that loads the scripts' modules did not come up")

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, command: tuple[str, ...], root: Path, trouble: Fault | Signal | None = None) -> Outcome:
        """Run a script, relative to the code's folder, on a root; without a fault its calls are counted alone."""
        order = {
            "command": command,
            "root": str(root),
            "below": str(self.below),
            "output": str(self.output),
            "fault": trouble.numbers if isinstance(trouble, Fault) else (READ, COUNT, 0),
            "signal": dataclasses.astuple(trouble) if isinstance(trouble, Signal) else None,
            "seconds": LONGEST,
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        counts = answer.get("counts")
        return Outcome(
            code=answer["code"],
            output=self.output.read_text(errors="replace"),
            calls={kind: counts[number] for kind, (number, _) in KINDS.items()} if counts else {},
            happened=answer.get("happened", answer["code"] == -signal.SIGKILL),
            seconds=answer["seconds"],
            after_signal=answer["after_signal"],
            left_behind=answer["left_behind"],
            shared_memory=answer["shared_memory"],
        )
