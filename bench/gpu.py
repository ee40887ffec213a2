"""What a GPU does, measured in one call: ceilings, training steps and answers beside peers', the demo on the phantom.

    bench/gpu.sh                      on a machine with a GPU, with whatever of the backends and the peers it has
    bench/gpu.sh --tiny               a trial on small nets and clips, with or without a GPU
    bench/gpu.sh --list               the parts: ceilings, candidates, demo
    bench/gpu.sh --only ceilings train:jax:6      these alone
    bench/run.sh gpu                  the same with everything installed first

Every figure is a line of $OUT/gpu.jsonl as soon as it is made, and a row of a section of $OUT/RESULTS.md (default of
OUT: bench/), so that a cut-off loses none. Candidates are processes of their own that compile side by side, and are
timed in turn; what fails, or is not ready in time, is a row that says so. Rows of earlier calls on the same GPU stay.
They autotune side by side: repeat alone what surprises. Messages go to $OUT/gpu.log.
Time: 530 s at most (--limit).
"""

import argparse
import importlib.util
import os
import tempfile
import threading
import time
from pathlib import Path

from gpu_candidates import CANDIDATES
from gpu_children import Child
from gpu_demo import Demo
from gpu_rows import Rows
from gpu_serving import serve, serve_ceilings

from stagewise.console import cli

FOLDER = Path(__file__).parent
PARTS = ("ceilings", *CANDIDATES, "demo")
# Shares of the limit: until when candidates may compile, the first one alone, and be timed; what is left is the demo's.
COMPILED_BY, FIRST_BY, TIMED_BY = 0.55, 0.75, 0.88
HEAD_START = 8.0  # seconds of the ceilings on an idle GPU, while the first candidates load and trace
ROUNDS, BUDGET = 2, 0.8  # of timing; seconds of steps in each
LONGEST = 90.0  # seconds for one candidate's steps of a round, or for the demo's step that still has the GPU


class Measurement:
    """One call: its rows, its log, and how much of its time is left."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        out = Path(os.environ.get("OUT") or FOLDER)
        self.rows, self.log, self.tiny = Rows(out, arguments.tiny), out / "gpu.log", arguments.tiny
        self.limit, self.parts = arguments.limit, arguments.only
        self.longest = arguments.limit if arguments.tiny else LONGEST
        self.gpu = threading.Lock()  # of whoever computes on it for figures, or would disturb them
        self.children: dict[str, Child] = {}

    def left(self, share: float = 1.0) -> float:
        """Seconds until this share of the limit."""
        return share * self.limit - self.rows.seconds()

    def child(self, *words: str, **settings: str) -> Child:
        """A process of this script's."""
        return Child(__file__, *words, *["--tiny"] * self.tiny, log=self.log, **settings)

    def ceilings(self) -> None:
        """Rows of what the GPU can do at best."""
        if not importlib.util.find_spec("torch"):
            self.rows.write("ceiling", "all", error="torch is not installed")
            return
        with self.child("--ceilings") as child:
            while "done" not in (said := child.answer(min(self.longest, self.left()))):
                self.rows.write("ceiling", **{"name": "the next one", **said})
                if "error" in said:
                    return

    def start(self) -> None:
        """Let all candidates compile side by side; a row of each that cannot."""
        flags = os.environ.get("XLA_FLAGS", "")
        for name in filter(CANDIDATES.get, self.parts):
            if missing := CANDIDATES[name].missing:
                self.rows.write("ready", name, error=f"{missing} is not installed")
            else:
                self.children[name] = self.child("--serve", name, **CANDIDATES[name].environment(flags))

    def wait_until_ready(self) -> None:
        """A row of each, as it is ready; whoever is not in time, or fails, is out of it."""
        for number, (name, child) in enumerate(list(self.children.items())):
            # the first one is what the call is for, and is waited for as long as it could still be timed
            answer = child.answer(self.left(FIRST_BY if number == 0 else COMPILED_BY))
            self._note("ready", name, answer)

    def time(self) -> None:
        """Steps of each in turn, round after round; rows as they come."""
        alone = self.gpu.acquire(timeout=max(0.0, min(self.longest, self.left(TIMED_BY))))
        if not alone:
            self.rows.write("note", "beside the demo", said="a step of the demo did not end in time")
        try:
            for number in range(ROUNDS):
                self._time_round(number + 1)
        finally:
            if alone:
                self.gpu.release()

    def _time_round(self, number: int) -> None:
        for name, child in list(self.children.items()):
            if self.left(TIMED_BY) < 1:
                self.rows.write("note", "out of time", said=f"round {number}, from {name} on")
                return
            answer = child.ask(BUDGET, min(self.longest, self.left(TIMED_BY)))
            for row in answer.get("rows", ()):
                self.rows.write("step", name, round=number, **row)
            self._note("step", name, answer if "error" in answer else {}, round=number)

    def _note(self, what: str, name: str, answer: dict, **more: object) -> None:
        if answer:
            self.rows.write(what, name, **more, **answer)
        if "error" in answer:
            self.children.pop(name).end(patience=0.1)

    def end(self) -> None:
        """End all candidates."""
        for child in self.children.values():
            child.release()
        for child in self.children.values():
            child.end()


def measure(arguments: argparse.Namespace, root: Path) -> None:
    """Everything, in its order."""
    call = Measurement(arguments)
    demo = Demo(call.rows, call.tiny, root, call.log, call.gpu, call.left)
    beside = {"ceilings": call.ceilings, "demo": demo.run}
    threads = [threading.Thread(target=beside[part], daemon=True) for part in beside if part in call.parts]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0 if call.tiny else HEAD_START)
        call.start()
        call.wait_until_ready()
        call.time()
        call.end()
        for thread in threads:
            thread.join(max(0.0, call.left()))
    finally:
        call.end()
        demo.end()
    call.rows.write("note", "the end", said=f"{call.rows.seconds():.0f} s of {call.limit:.0f}")


def main() -> None:
    """Measure, or be one of the measured processes."""
    parser = cli.parser(__doc__)
    parser.add_argument("--tiny", action="store_true", help="a trial: small nets, small clips")
    parser.add_argument("--limit", type=cli.more_than_zero, default=530, metavar="S", help="seconds (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help="measure these alone")
    parser.add_argument("--list", action="store_true", help="name the parts, and stop")
    parser.add_argument("--serve", choices=tuple(CANDIDATES), help=argparse.SUPPRESS)
    parser.add_argument("--ceilings", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list:
        print(*PARTS, sep="\n")
    elif arguments.serve:
        serve(CANDIDATES[arguments.serve], arguments.tiny)
    elif arguments.ceilings:
        serve_ceilings(arguments.tiny)
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
            measure(arguments, Path(root))


if __name__ == "__main__":
    cli.run(main)
