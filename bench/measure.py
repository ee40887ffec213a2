"""What the benchmarks share: timings taken in turn, and their tables in RESULTS.md."""

import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from stagewise.cli import available_cpus

RESULTS = Path(__file__).with_name("RESULTS.md")


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


def machine(*packages: str) -> str:
    """One line: cores, memory, GPU, Python, and the versions of the packages named."""
    gibibytes = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    return f"{available_cpus()} CPU cores, {gibibytes:.0f} GiB; Python {platform.python_version()}; {versions}"


def write_section(title: str, command: str, setting: str, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    """Print a table, and put it into RESULTS.md in the place of the section of the same title.

    setting: the line of `machine`, and what else the figures hang on.
    """
    lines = [f"## {title}", "", f"`{command}`", "", setting, ""]
    lines += [_row(header), _row(["---"] * len(header)), *map(_row, rows)]
    section = "\n".join(lines) + "\n"
    print(section)
    before, found, after = RESULTS.read_text(encoding="utf-8").partition(f"## {title}\n")
    rest = after.partition("\n## ")[1:] if found else ()
    RESULTS.write_text(f"{before.rstrip()}\n\n{section}{''.join(rest)}", encoding="utf-8")


def _row(cells: Sequence) -> str:
    return f"| {' | '.join(map(str, cells))} |"
