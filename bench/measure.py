"""What the benchmarks share: timings taken in turn, and their tables in RESULTS.md."""

import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stagewise.files.paths import replacing
from stagewise.machine.processor import CPUINFO, available_cpus, instruction_set
from stagewise.messages.errors import StagewiseError

RESULTS = Path(__file__).with_name("RESULTS.md")
REPOSITORY = Path(__file__).parents[1]


def in_turn(candidates: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, list[float]]:
    """Time the candidates A B A B ..., after one untimed call of each, so that a slow minute of the machine hits all.

    Returns: seconds of each candidate's `repeats` calls, in their order; entry k of all lists ran side by side.
    """
    for candidate in candidates.values():
        candidate()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            candidate()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(ours: Sequence[float], peer: Sequence[float]) -> float:
    """How many times as long the peer takes: the median over the pairs that ran side by side."""
    return statistics.median(slow / fast for fast, slow in zip(ours, peer, strict=True))


def script(*command: object) -> str:
    """Run a numbered script, such as `preproc_data/r01_extract_roi.py`, in the root that STAGEWISE_ROOT names.

    Returns: what it printed. Raises StagewiseError where it fails; its message is on standard error.
    """
    words = list(map(str, command))
    done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    if done.returncode:
        raise StagewiseError(f"{failure(words, done.returncode)}; its message is above")
    return done.stdout


def failure(words: Sequence[str], code: int) -> str:
    """How an error begins that tells of a script's end."""
    return f"python {shlex.join(words)} ended with exit code {code}"


class Served:
    """A script that runs as a process of its own, says when it is ready, and does its work once for every line."""

    def __init__(self, *command: object, **settings: str) -> None:
        """settings: environment variables of its own."""
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings},
        )
        self.ready = self._answer()

    def _answer(self) -> dict[str, Any]:
        for line in self.process.stdout:
            if line.startswith("{"):  # anything else is a library's own notice
                return json.loads(line)
        raise StagewiseError(f"{failure(self.process.args[1:], self.process.wait())}; its message is above")

    def work(self) -> dict[str, Any]:
        """Let it work once, and return what it measured."""
        print(file=self.process.stdin, flush=True)
        return self._answer()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.communicate()


def serve(
    ready: dict[str, Any], work: Callable[[], dict[str, Any]], after: Callable[[], dict[str, Any]] = dict
) -> None:
    """The other end of `Served`: say what is ready, then time `work` for every line; its results go along.

    after: what else goes along, found out when the time has been taken.
    """
    print(json.dumps(ready), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        results = work()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, **results, **after()}), flush=True)


def machine(*packages: str) -> str:
    """One line: processor, memory, GPU, Python, and the versions of those packages named that are installed."""
    gibibytes = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    known = "".join(f", {name}" for name in gpus())
    versions = "".join(f", {package} {found}" for package in packages if (found := _version(package)))
    cores = f"{available_cpus()} cores of {processor()}"
    return f"{cores}, {gibibytes:.0f} GiB{known}; Python {platform.python_version()}{versions}"


def processor() -> str:
    """The processor: its name, of which makers sell several generations, its family and model, its instruction set."""
    lines = (line.partition(":") for line in CPUINFO.read_text().splitlines())
    told = {name.strip(): value.strip() for name, _, value in lines}
    name, family, model = (told.get(key, "?") for key in ("model name", "cpu family", "model"))
    return f"{name} (family {family}, model {model}, {instruction_set()})"


def gpus() -> list[str]:
    """The names of the machine's NVIDIA GPUs."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    if not shutil.which(command[0]):
        return []
    done = subprocess.run(command, capture_output=True, text=True)
    return [] if done.returncode else done.stdout.splitlines()


def digits(seconds: float) -> str:
    """Seconds with three significant digits."""
    return f"{seconds:#.3g}"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def write_section(
    title: str, command: str, setting: str, header: Sequence[str], rows: Sequence[Sequence], keep: bool = False
) -> None:
    """Print a table, and put it into RESULTS.md in the place of the section of the same title and GPU.

    setting: the line of `machine`, and what else the figures hang on. keep: rows of that section whose first cell is
    not among the new ones stay, at the end.
    """
    title = ", ".join((title, *gpus()[:1]))
    lines = table(header, rows)
    if keep:
        known = {line.split(" | ")[0] for line in lines}
        old = section(RESULTS, title).splitlines()
        lines += [line for line in old if line.startswith("| ") and line.split(" | ")[0] not in known]
    text = "\n".join([f"`{command}`", "", setting, "", *lines])
    print(f"## {title}\n\n{text}\n")
    put_section(RESULTS, title, text)


def table(header: Sequence, rows: Sequence[Sequence]) -> list[str]:
    """The lines of a table."""
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows)]


def section(path: Path, title: str) -> str:
    """What stands under a heading of a file; nothing where it has none of that title."""
    return _around(path.read_text(encoding="utf-8"), title)[1]


def put_section(path: Path, title: str, text: str) -> None:
    """Put a section into a file in the place of the one of the same title, or at its end."""
    before, _, after = _around(path.read_text(encoding="utf-8") if path.exists() else "# Results\n", title)
    with replacing(path) as temporary:  # a cut-off leaves the section before
        temporary.write_text(f"{before.rstrip()}\n\n## {title}\n\n{text}\n{after}", encoding="utf-8")


def _around(text: str, title: str) -> tuple[str, str, str]:
    before, found, after = text.partition(f"## {title}\n")
    old, *rest = after.partition("\n## ") if found else ("",)
    return before, old, "".join(rest)


def _row(cells: Sequence) -> str:
    return f"| {' | '.join(map(str, cells))} |"
