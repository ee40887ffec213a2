"""Ctrl-C at every moment of every script's first seconds, to all of its processes, as a terminal sends it.

    bench/run.sh ctrl_c                            every 50 ms of the first 5 seconds
    bench/run.sh ctrl_c --step 0.2 --seconds 10    coarser, and longer

Reads:  nothing
Writes: the section "Ctrl-C" of bench/RESULTS.md
Time:   about an hour on 2 CPU cores
Expect: no traceback, one line, exit code 130; before a script's first line Python's own start has its own way
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import machine, write_section

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError

sys.path.extend(str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "faults"))
from injection import missing_tool
from trials import Bench, Step


def tried(bench: Bench, step: Step, moments: np.ndarray) -> list[str]:
    """What was wrong at which moment; nothing is the goal."""
    bench.before(step)
    found = [f"{step.name} at {at:.2f} s: {wrong}" for at in moments for wrong in bench.interrupt(step, float(at))]
    print(f"{step.name}: {len(moments)} moments, {len(found)} complaints", *found, sep="\n", flush=True)
    return found


def main() -> None:
    """Try all moments of all scripts, then write the table; exit code 1 where anything was wrong."""
    parser = cli.parser(__doc__)
    parser.add_argument("--step", type=cli.more_than_zero, default=0.05, metavar="SECONDS", help="between two moments")
    parser.add_argument("--seconds", type=cli.more_than_zero, default=5.0, metavar="SECONDS", help="the last moment")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this script, such as r42; repeatable")
    options = parser.parse_args()
    if missing := missing_tool():
        raise StagewiseError(missing)
    moments = np.arange(options.step, options.seconds + options.step / 2, options.step)
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder)) as bench:
        chosen = [step for step in bench.steps if not options.only or step.name in options.only]
        wrong = {step.name: tried(bench, step, moments) for step in chosen}
    rows = [(name, len(moments), len(found)) for name, found in wrong.items()]
    command = f"bench/run.sh ctrl_c --step {options.step} --seconds {options.seconds}"
    setting = f"{machine('tensorflow', 'keras')}. Ctrl-C to the process group, every {options.step} s of the start."
    write_section("Ctrl-C", command, setting, ("script", "moments", "tracebacks or other complaints"), rows)
    if any(wrong.values()):
        raise StagewiseError(f"{sum(map(len, wrong.values()))} complaints; they are above")


if __name__ == "__main__":
    cli.run(main)
