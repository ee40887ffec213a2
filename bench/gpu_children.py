"""Processes that say in lines of JSON what they found, and whose answers are never waited for without end."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from measure import REPOSITORY

SIGN = "@@"  # how such a line begins; anything else is a library's own notice


def say(**answer: Any) -> None:
    """What a child says."""
    print(f"{SIGN}{json.dumps(answer)}", flush=True)


class Child:
    """A script of the benchmark at work; a context manager that ends it."""

    def __init__(self, *command: object, log: Path, **settings: str) -> None:
        """log: where its errors go, behind those of others; settings: environment variables of its own."""
        self.answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        words = [sys.executable, *map(str, command)]
        with log.open("a", encoding="utf-8") as errors:
            errors.write(f"\n$ {' '.join(words)}\n")
            errors.flush()
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=REPOSITORY,
                env={**os.environ, **settings},
            )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            if line.startswith(SIGN):
                self.answers.put(json.loads(line.removeprefix(SIGN)))
        self.answers.put(None)

    def answer(self, seconds: float) -> dict[str, Any]:
        """What it says next; {"error": ...} where it ends without a word, or says none in time."""
        try:
            said = self.answers.get(timeout=max(0.1, seconds))
        except queue.Empty:
            return {"error": f"no answer in {max(0.1, seconds):.0f} s"}
        return said or {"error": f"ended with exit code {self.process.wait()}"}

    def ask(self, line: object, seconds: float) -> dict[str, Any]:
        """Send a line, and wait for the answer as long."""
        with contextlib.suppress(OSError):  # it has ended, which its answer says
            print(line, file=self.process.stdin, flush=True)
        return self.answer(seconds)

    def release(self) -> None:
        """Let it end by itself, as it does where nobody asks any more."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self, patience: float = 3) -> None:
        """The same, and end it where it does not."""
        self.release()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
            return
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end(patience=0.1)
