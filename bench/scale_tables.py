"""Seconds and memory of what reads whole tables, at the full data's size: 573,048 videos, and half of them.

    bench/run.sh scale_tables
    bench/run.sh scale_tables --rows 20000 10000 --dry-run

The tables are made up; videos and volumes there are none. Each step runs in a process of its own, which has imported
what the step needs before it is measured. Seconds are the processor's, so that others at work change them little; the
peak is the process's, with Python, NumPy, pandas and the like, which come to what stands below `imported`; what a step
loads later, as r02 does scikit-learn (80 MiB), is the step's. A step is linear where twice the rows take twice the
seconds.
Time: 3 minutes on 2 CPU cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from made_tables import ALL, make_tables
from measure import machine, write_section
from table_steps import STEPS

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError

LINEAR = 1.25  # times as long as twice the half; more is told


def serve(name: str) -> None:
    """Take the step in this process, and say what it took."""
    work = STEPS[name]()
    imported, start = _peak(), time.process_time()
    work()
    print(json.dumps({"seconds": time.process_time() - start, "peak": _peak(), "imported": imported}))


def _peak() -> int:
    status = Path("/proc/self/status").read_text()  # getrusage's peak is of the process before exec, too
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def measured(name: str, root: str) -> dict[str, float]:
    """Seconds, and MiB, of a step in a process of its own."""
    command = [sys.executable, __file__, "--serve", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "STAGEWISE_ROOT": root})
    if done.returncode:
        raise StagewiseError(f"{name!r} ended with exit code {done.returncode}; its message is above")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Make the tables, take each step at both sizes, and write what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs=2, default=(ALL, ALL // 2), metavar="N")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP")
    parser.add_argument("--dry-run", action="store_true", help="print the table alone")
    parser.add_argument("--serve", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.only}
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as root:
            os.environ["STAGEWISE_ROOT"] = root
            make_tables(rows)
            for name, results in found.items():
                results.append(measured(name, root))
                print(rows, name, results[-1], flush=True)
    lines = [_line(name, *results) for name, results in found.items()]
    header = ("step", *(f"{rows:,} rows, CPU s" for rows in arguments.rows), "linear", "peak MiB", "imported MiB")
    if not arguments.dry_run:
        write_section("Tables of the full data", "bench/run.sh scale_tables", machine("pandas", "numpy"), header, lines)
    else:
        print(header, *lines, sep="\n")


def _line(name: str, whole: dict[str, float], half: dict[str, float]) -> tuple[str, ...]:
    growth = whole["seconds"] / max(half["seconds"], 1e-9) / 2
    linear = "yes" if growth < LINEAR else f"no: {growth:.2f} times that"
    return name, f"{whole['seconds']:.2f}", f"{half['seconds']:.2f}", linear, str(whole["peak"]), str(whole["imported"])


if __name__ == "__main__":
    cli.run(main)
