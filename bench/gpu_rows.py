"""Where the figures of `bench/gpu.py` go: a line of JSON each, on the disk at once, and a section of a results file."""

import json
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measure import digits, gpus, machine, put_section, table

Row = dict[str, Any]
JSON_LINES, SECTIONS = "gpu.jsonl", "RESULTS.md"
ONE = ("what", "name", "batch", "round", "tiny", "gpu")  # rows alike in all of these are one figure, the later one it
CEILINGS = ("ceiling", "measured")
STEPS = (
    *("work", "batch", "s a step", "s without the host", "clips or passes a second", "without the host"),
    *("peak GiB", "ready after s"),
)
DEMO, NOTES = ("demo on the phantom", "s", "ended"), ("note", "")
PACKAGES = ("keras", "jax", "torch", "tensorflow", "monai", "timm-3d")


class Rows:
    """The rows of this call and of those before it on the same GPU; any thread may write."""

    def __init__(self, folder: Path, tiny: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.json_lines, self.sections = folder / JSON_LINES, folder / SECTIONS
        self.tiny, self.gpu, self.machine = tiny, next(iter(gpus()), "no GPU"), machine(*PACKAGES)
        self.began, self.lock = time.monotonic(), threading.Lock()
        self.rows: dict[tuple, Row] = {}
        for line in _whole_lines(self.json_lines):
            self._keep(json.loads(line))

    def write(self, what: str, name: str, **figures: Any) -> None:
        """A row, on the disk when this returns; then the section with it."""
        told = {"what": what, "name": name, "tiny": self.tiny, "gpu": self.gpu, "after": self.seconds(), **figures}
        line = json.dumps(told)
        with self.lock:
            with self.json_lines.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
            print(line, flush=True)
            self._keep(told)
            put_section(self.sections, f"One call on {self.gpu}" + ", a trial" * self.tiny, "\n".join(self._lines()))

    def seconds(self) -> float:
        """Seconds since the call began."""
        return round(time.monotonic() - self.began, 1)

    def _keep(self, row: Row) -> None:
        if (row["tiny"], row["gpu"]) != (self.tiny, self.gpu):
            return
        if row["what"] == "ready":  # what an earlier call timed is not of this one
            self.rows = {key: kept for key, kept in self.rows.items() if kept["name"] != row["name"]}
        self.rows.pop(key := tuple(row.get(name) for name in ONE), None)
        self.rows[key] = row

    def _lines(self) -> list[str]:
        """The section, as far as its rows have come."""
        lines = [f"`bench/gpu.sh{' --tiny' * self.tiny}`", "", self.machine]
        for header, rows in (
            (CEILINGS, [(row["name"], _measured(row)) for row in self._of("ceiling")]),
            (STEPS, list(self._steps())),
            (DEMO, [_demo(row) for row in self._of("demo")]),
            (NOTES, [(row["name"], row["said"]) for row in self._of("note")]),
        ):
            lines += ["", *table(header, rows)] * bool(rows)
        return lines

    def _of(self, *kinds: str) -> list[Row]:
        return [row for row in self.rows.values() if row["what"] in kinds]

    def _steps(self) -> Iterable[Sequence[str]]:
        """A line a candidate and batch, its rounds side by side; or its error."""
        ready = {row["name"]: row for row in self._of("ready")}
        timed: dict[tuple[str, int], list[Row]] = {}
        for row in self._of("step"):
            timed.setdefault((row["name"], row.get("batch", 0)), []).append(row)
        for name, row in ready.items():
            if "error" in row:
                yield name, "", row["error"], *("",) * 5
        for (name, batch), rounds in timed.items():
            yield _step(name, batch, rounds, ready.get(name, {}))


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file, if it is there; one that a cut-off left without its end is taken away."""
    if not path.exists():
        return []
    *whole, rest = path.read_text(encoding="utf-8").split("\n")
    if rest:
        path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
    return whole


def _measured(row: Row) -> str:
    return row["error"] if "error" in row else f"{row['value']:g} {row['unit']}"


def _step(name: str, batch: int, rounds: Sequence[Row], ready: Row) -> Sequence[str]:
    """Seconds of several rounds side by side, and the better one's rates."""
    whole = [row for row in rounds if "error" not in row]
    if not whole:
        return name, str(batch or ""), rounds[-1]["error"], *("",) * 5
    spent = {kind: [row[kind] for row in whole] for kind in ("seconds", "alone")}
    return (
        name,
        str(batch),
        *(", ".join(map(digits, seconds)) for seconds in spent.values()),
        *(f"{whole[-1]['passes'] / min(seconds):.1f}" for seconds in spent.values()),
        f"{whole[-1]['peak']:.2f}",
        str(ready.get("seconds", "")),
    )


def _demo(row: Row) -> Sequence[str]:
    return row["name"], f"{row['seconds']:.0f}", row["said"].replace("|", "/")
