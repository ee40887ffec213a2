"""Chains of trainings side by side, one on each GPU: the next chain begins where a GPU is free."""

import contextlib
import os
import queue
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stagewise.files import paths
from stagewise.machine import interruption
from stagewise.machine.gpus import Choice
from stagewise.messages.commands import REPOSITORY

PATIENCE = 60.0  # seconds that a training has to end in when it is asked to


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
    """A chain that stopped: at which command, with which exit code."""

    chain: Chain
    words: tuple[str, ...]
    code: int

    def __str__(self) -> str:
        command = f"python {shlex.join(self.words)}"
        return f"{self.chain.name}: exit code {self.code} of: {command} ({paths.shown(self.chain.log)})"


@dataclass
class _Run:
    """A chain that is under way on a GPU. number: of the training that runs now."""

    chain: Chain
    gpu: Choice
    number: int = 0
    process: subprocess.Popen = field(init=False)

    @property
    def words(self) -> tuple[str, ...]:
        """Of the command that runs now."""
        return (*self.chain.trainings[self.number], *(() if self.gpu is None else ("--gpu", str(self.gpu))))


class FoldQueue:
    """The machine's GPUs, each for one chain at a time; None among them leaves the choice to the backend."""

    def __init__(self, gpus: Sequence[Choice]) -> None:
        self.free = deque(gpus)
        self.running: list[_Run] = []
        self.ended: queue.Queue[_Run] = queue.Queue()  # those whose process has closed its output

    def train(self, chains: Iterable[Chain]) -> list[Failure]:
        """Train all; one that fails stops its own chain alone. An error or a signal here ends all of them first."""
        waiting, failures = deque(chains), []
        try:
            while waiting or self.running:
                while waiting and self.free:
                    self._start(_Run(waiting.popleft(), self.free.popleft()))
                failures += self._next(self.ended.get())
        finally:
            self._stop()
        return failures

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
            run.number += 1
            self._start(run)
            return []
        self.free.append(run.gpu)
        return [Failure(run.chain, run.words, code)] if code else []

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
