"""Try every fault at every step: file operations that fail, kills, signals, two processes at once.

    bench/faults.sh                           24 calls of every kind in every script; called again, it goes on
    bench/faults.sh --most 1 --signals 1      what RESULTS.md holds
    bench/faults.sh --most 1000000            every single call of every kind
    bench/faults.sh --recipe vote             another recipe's scripts, without the data's
    bench/faults.sh --weights densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5    with r04

Reads:  nothing
Writes: the section "Faults" of bench/RESULTS.md, or "Faults, r101" and so on; its roots and a table of what was tried
        in --folder
Time:   about an hour on 2 CPU cores
"""

import csv
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measure import machine, write_section

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError

sys.path.extend(str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "faults"))
from injection import Fault, Signal, missing_tool
from steps import Step
from trials import Bench
from verdicts import hashes

SIGNALS = {  # for the table: number and target
    "SIGKILL": (signal.SIGKILL, "main"),
    "SIGTERM": (signal.SIGTERM, "main"),
    "SIGTERM of all its processes": (signal.SIGTERM, "group"),
    "Ctrl-C": (signal.SIGINT, "group"),
    "SIGKILL of a worker": (signal.SIGKILL, "worker"),
}
SIGNALLED = {  # extraction, training, inference, joining
    "d121": ("r01", "r31 stage 1", "r42"),
    "r101": ("r101 r32", "r101 r42"),
    "vote": ("vote r32", "vote r42", "vote r61"),
}
WITH_DATA = "d121"  # the recipe with which what all of them share is tried: the data's scripts, and a fold's lock
PAIRS, RIVALS = 20, 5  # two processes on two folds, and on one
COLUMNS = ("step", "kind", "which", "problems")
Trial = tuple[str, str, Fault | Signal]  # step, kind, trouble


class Tried:
    """What was tried, a line a trial, in a table that a later call goes on with."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()
        self.rows = list(csv.DictReader(path.open(newline=""), COLUMNS)) if path.exists() else []

    def has(self, step: str, kind: str, which: str) -> bool:
        """Whether this was tried before."""
        return any((row["step"], row["kind"], row["which"]) == (step, kind, which) for row in self.rows)

    def add(self, step: str, kind: str, which: str, problems: list[str]) -> None:
        """Write one trial down; a line on the terminal for one that lost something."""
        row = dict(zip(COLUMNS, (step, kind, which, " | ".join(problems)), strict=True))
        with self.lock, self.path.open("a", newline="") as file:
            self.rows.append(row)
            csv.DictWriter(file, COLUMNS).writerow(row)
            if problems:
                print(f"LOST: {step}, {which}: {row['problems']}", flush=True)


def trials(bench: Bench, recipe: str, most: int, signals: int) -> list[Trial]:
    """Every call of every kind, or `most` of them spread evenly; and signals at random times of the run.

    Of the recipe's scripts, and with `WITH_DATA` of the data's.
    """
    found, chance = [], random.Random(0)
    for step in (step for step in bench.steps if (step.recipe or WITH_DATA) == recipe):
        for kind, count in bench.calls(step).items():
            calls = np.unique(np.linspace(1, count, min(count, most)).round().astype(int)) if count else []
            found += [(step.name, kind, Fault(kind, int(call))) for call in calls]
    for name in SIGNALLED[recipe]:
        seconds = bench.run(bench.step(name), bench.fresh_root(bench.step(name))).seconds
        for kind, (number, target) in SIGNALS.items():
            times = (round(chance.uniform(0, seconds), 2) for _ in range(signals))
            found += [(name, kind, Signal(int(number), target, after)) for after in times]
    return found


def try_all(benches: list[Bench], planned: list[Trial], tried: Tried) -> None:
    """Share the trials among the benches, in their order."""
    waiting, start = [trial for trial in planned if not tried.has(trial[0], trial[1], str(trial[2]))], time.monotonic()
    print(f"{len(planned)} trials, {len(planned) - len(waiting)} of them done before", flush=True)
    left, taking = iter(enumerate(waiting, 1)), threading.Lock()

    def work(bench: Bench) -> None:
        while True:
            with taking:
                number, trial = next(left, (0, None))
            if trial is None:
                return
            name, kind, trouble = trial
            tried.add(name, kind, str(trouble), list(bench.attempt(bench.step(name), trouble)))
            if number % 50 == 0:
                print(f"{number} of {len(waiting)}, {time.monotonic() - start:.0f} s", flush=True)

    with ThreadPoolExecutor(len(benches)) as threads:
        for ended in [threads.submit(work, bench) for bench in benches]:
            ended.result()


def together(benches: list[Bench], tried: Tried) -> None:
    """Two processes at once, on two folds and on one: the same files as one process after the other."""
    first, second = benches
    step = first.step("r31 stage 1")
    other = Step(step.name, tuple("1" if part == "0" else part for part in step.command))
    alone = first.fresh_root(step)
    for fold in (step, other):
        first.run(fold, alone)
    wanted = hashes(alone)
    with ThreadPoolExecutor(2) as threads:
        for number in range(PAIRS):
            root = first.fresh_root(step)
            runs = [threads.submit(bench.run, fold, root) for bench, fold in ((first, step), (second, other))]
            problems = [run.result().output for run in runs if run.result().code != 0]
            if hashes(root) != wanted:
                problems.append("the files differ")
            tried.add(step.name, "two processes on two folds", f"pair {number}", problems)
        for number in range(RIVALS):
            root = first.fresh_root(step)
            runs = [threads.submit(bench.run, step, root) for bench in benches]
            outcomes = sorted((run.result() for run in runs), key=lambda outcome: outcome.code)
            problems = [] if [outcome.code for outcome in outcomes] == [0, 4] else [o.output for o in outcomes]
            if "is in use by process" not in outcomes[1].output:
                problems.append("the message does not say who has the fold")
            if hashes(root) != first.after(step):
                problems.append("the files differ")
            tried.add(step.name, "two processes on one fold", f"pair {number}", problems)


def write_results(tried: Tried, title: str, command: str, setting: str) -> int:
    """The table, a row a kind. Returns how many trials lost something."""
    kinds = dict.fromkeys(row["kind"] for row in tried.rows)
    count, lost = (Counter(row["kind"] for row in tried.rows if test(row)) for test in (bool, lambda r: r["problems"]))
    rows = [(kind, count[kind], count[kind] - lost[kind], lost[kind]) for kind in kinds]
    rows.append(("all", len(tried.rows), len(tried.rows) - lost.total(), lost.total()))
    write_section(title, command, setting, ("kind of fault", "tried", "survived", "lost"), rows)
    return lost.total()


def main() -> None:
    """Try, then write the table; exit code 1 where anything was lost."""
    parser = cli.parser(__doc__)
    parser.add_argument("--recipe", choices=SIGNALLED, default=WITH_DATA, help="whose scripts (default: %(default)s)")
    parser.add_argument("--most", type=cli.at_least(1), default=24, metavar="N", help="calls of a kind in a script")
    parser.add_argument("--signals", type=cli.at_least(0), default=10, metavar="N", help="times of a signal and script")
    parser.add_argument("--weights", type=Path, metavar="H5", help="the 2D weights, for r04")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="default: stagewise-faults-RECIPE in /tmp")
    options = parser.parse_args()
    of_data = options.recipe == WITH_DATA
    options.folder = options.folder or Path(tempfile.gettempdir()) / f"stagewise-faults-{options.recipe}"
    if missing := missing_tool():
        raise StagewiseError(missing)
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        shutil.rmtree(options.folder / str(number), ignore_errors=True)  # of another state of the code
    tried = Tried(options.folder / "tried.csv")
    weights = options.weights and options.weights.absolute()
    with Bench(options.folder / "0", weights) as first, Bench(options.folder / "1", weights) as second:
        planned = trials(first, options.recipe, options.most, options.signals)
        try_all([first, second], planned, tried)
        if of_data and not tried.has("r31 stage 1", "two processes on one fold", f"pair {RIVALS - 1}"):
            together([first, second], tried)
    setting = (
        f"{machine('tensorflow', 'keras')}. Every numbered script of {'the data and ' * of_data}{options.recipe} on 12 "
        f"tiny clips; each call of a kind, or {options.most} spread evenly where there are more. After each, the same "
        "command again: "
        "survived means its message and exit code were right, and every file below the root (TensorBoard's events and "
        "logs by their names) has the hash of an undisturbed run, with no file, process or shared memory left over."
    )
    recipe, title = ("", "Faults") if of_data else (f" --recipe {options.recipe}", f"Faults, {options.recipe}")
    command = f"bench/faults.sh{recipe} --most {options.most} --signals {options.signals}"
    if lost := write_results(tried, title, command, setting):
        raise StagewiseError(f"{lost} trials lost something; see {tried.path}")


if __name__ == "__main__":
    cli.run(main)
