"""Chains of trainings side by side, one on each GPU: the next chain begins where a GPU is free.

A GPU that no longer computes would take one chain after the other and fail each at once: after an end that may be its
fault it is tried, and where it is, it gets no more, and its chain goes on at another one, from its last epoch.
"""

import contextlib
import os
import queue
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagewise.files import paths
from stagewise.machine import backends, interruption
from stagewise.machine.gpus import NONE, Choice
from stagewise.messages.commands import BEGUN_ANEW, REPOSITORY

PATIENCE = 60.0  # seconds that a training has to end in when it is asked to
MAYBE_THE_GPU = (1, 134)  # exit codes: of the environment's errors, and of SIGABRT, as backends' C++ ends at CUDA's


@dataclass(frozen=True)
class Chain:
    """The trainings of one fold, one after the other. name: of its lines and its log; trainings: each one's words."""

    name: str
    trainings: tuple[tuple[str, ...], ...]

    @property
    def log(self) -> Path:
        """The file of what its trainings say, sitting after sitting."""
        return paths.models_folder() / "fold_logs" / f"{self.name.replace(' ', '_')}.log"


@dataclass(frozen=True)
class Failure:
    """A chain that stopped: at which command, with which exit code; None before one that no GPU was left for."""

    chain: Chain
    words: tuple[str, ...]
    code: int | None

    def __str__(self) -> str:
        command = f"python {shlex.join(self.words)}"
        if self.code is None:
            return f"{self.chain.name}: no GPU is left for: {command}"
        return f"{self.chain.name}: exit code {self.code} of: {command} ({paths.shown(self.chain.log)})"


@dataclass
class _Run:
    """A chain that is under way, or waits for its GPU.

    number: of the training that runs now, or will; anew: whether it has removed the run that --force was for.
    """

    chain: Chain
    gpu: Choice = None
    number: int = 0
    anew: bool = False
    process: subprocess.Popen = field(init=False)

    @property
    def words(self) -> tuple[str, ...]:
        """Of the command that runs now."""
        return on_gpu(self.chain.trainings[self.number], self.gpu)


class FoldQueue:
    """The machine's GPUs, each for one chain at a time; None among them leaves the choice to the backend."""

    def __init__(self, gpus: Sequence[Choice], computes: Callable[[Choice], bool] = backends.computes_apart) -> None:
        """computes: whether a GPU still does, asked after an end that may be its fault."""
        self.computes = computes
        self.free = deque(gpus)
        self.waiting: deque[_Run] = deque()
        self.running: list[_Run] = []
        self.ended: queue.Queue[_Run] = queue.Queue()  # those whose process has closed its output

    def train(self, chains: Iterable[Chain]) -> list[Failure]:
        """Train all; one that fails stops its own chain alone. An error or a signal here ends all of them first."""
        self.waiting, failures = deque(map(_Run, chains)), []
        try:
            while self.running or (self.waiting and self.free):
                while self.waiting and self.free:
                    self._start(replace(self.waiting.popleft(), gpu=self.free.popleft()))
                failures += self._next(self.ended.get())
        finally:
            self._stop()
        return failures + [Failure(run.chain, run.words, None) for run in self.waiting]

    def _start(self, run: _Run) -> None:
        say(run.chain, f"python {shlex.join(run.words)}")
        with interruption.Held():  # Ctrl-C is ours to pass on, as SIGTERM, which comes to a process of any terminal
            run.process = subprocess.Popen(
                python_words(run.words),
                env={**os.environ, "TERM": "dumb"},  # whole lines
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="backslashreplace",  # what C++ libraries print may be anything
            )
            self.running.append(run)
        threading.Thread(target=self._follow, args=(run,), daemon=True).start()

    def _follow(self, run: _Run) -> None:
        """Show every line of a training, and put it into the chain's log."""
        try:
            with contextlib.ExitStack() as stack:
                run.chain.log.parent.mkdir(parents=True, exist_ok=True)
                log = stack.enter_context(run.chain.log.open("a", encoding="utf-8"))
                print(f"$ python {shlex.join(run.words)}", file=log, flush=True)
                for line in run.process.stdout:
                    print(line, end="", file=log, flush=True)
                    run.anew |= line.endswith(f"{BEGUN_ANEW}\n")
                    if not line.startswith("next: "):  # what follows is for this queue to do
                        say(run.chain, line.rstrip("\n"))
        except OSError as error:  # a full disk, say: the training, which needs it too, finds nobody that listens
            say(run.chain, f"its log {paths.shown(run.chain.log)} cannot be written ({error})")
        finally:
            run.process.stdout.close()
            self.ended.put(run)

    def _next(self, run: _Run) -> list[Failure]:
        """Go on behind a training that has ended: with the chain's next one, or by giving the GPU free."""
        code = shell_code(run.process.wait())
        self.running.remove(run)
        if code == 0 and run.number + 1 < len(run.chain.trainings):
            run.number, run.anew = run.number + 1, False
            self._start(run)
            return []
        if code in MAYBE_THE_GPU and run.gpu not in (None, NONE) and not self.computes(run.gpu):
            self._retire(run)
            return []
        self.free.append(run.gpu)
        return [Failure(run.chain, run.words, code)] if code else []

    def _retire(self, run: _Run) -> None:
        """Give a GPU no more chains, at none of its places; the one that it failed is the next one elsewhere.

        Its training goes on there: a second --force would remove the epochs that it has since the first one.
        """
        say(run.chain, f"GPU {run.gpu} computes no more, and gets no more folds; look at it with: nvidia-smi")
        self.free = deque(gpu for gpu in self.free if gpu != run.gpu)
        trainings = list(run.chain.trainings)
        if run.anew:
            trainings[run.number] = tuple(word for word in trainings[run.number] if word != "--force")
        self.waiting.appendleft(_Run(replace(run.chain, trainings=tuple(trainings)), number=run.number))

    def _stop(self) -> None:
        with interruption.Held():  # a second Ctrl-C would leave some of them alone
            for run in self.running:
                run.process.terminate()
            for run in self.running:
                try:
                    run.process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    run.process.kill()
                    run.process.wait()


def on_gpu(words: tuple[str, ...], gpu: Choice) -> tuple[str, ...]:
    """A training's command on that GPU."""
    return words if gpu is None else (*words, "--gpu", str(gpu))


def python_words(words: Sequence[str]) -> list[str]:
    """A numbered script's command, as it runs from any current directory."""
    script, *options = words
    return [sys.executable, str(REPOSITORY / script), *options]


def shell_code(code: int) -> int:
    """A process's exit code, as a shell says it: of one that a signal killed, 128 and the signal's number."""
    return code if code >= 0 else 128 - code


def say(chain: Chain, line: str) -> None:
    """Print one whole line of a chain, whichever thread says it."""
    with contextlib.suppress(BrokenPipeError):  # nobody reads any more, as by `| head`; the log has it
        sys.stdout.write(f"{chain.name}: {line}\n")
        sys.stdout.flush()
