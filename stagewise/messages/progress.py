"""How far a long step is: one line redrawn on a terminal, otherwise a whole line now and then.

All of it goes to standard error, which `nohup ... > log` sends to the same file; standard output keeps what came out.
"""

import os
import sys
import time
from typing import Any

from tqdm import tqdm

FIRST, INTERVAL = 30, 60  # seconds to the first whole line, and at least from one to the next
PARTS = 10  # whole lines are at least this part of the work apart, so that days do not fill a log
SMOOTHING = 0.02  # the terminal's rate is that of the last 50 redraws, about: hours do not jump, a slower disk shows


def progress(total: int, what: str, unit: str, kept: bool = True) -> "Bar | Lines":
    """A context manager that shows how many of `total` are done, and whose `advance` counts.

    what: names the step, and in a training its stage and fold, since folds may share a terminal. unit: a plural.
    kept: whether the totals stay in view at the end; not where a line of the caller's says them.
    A terminal that does not redraw (`TERM=dumb`, or one of no known size) gets whole lines.
    """
    redraws = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if redraws and all(os.get_terminal_size(sys.stderr.fileno())):
        return Bar(total, what, unit, kept)
    return Lines(total, what, unit, kept)


def pace(rate: float, unit: str) -> str:
    """How fast it goes, in the words that suit: `23.4 videos/s`, or below one a second `9.6 s each`."""
    if not rate:
        return f"? {unit}/s"
    return f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


class Bar(tqdm):
    """tqdm's line on a terminal."""

    monitor_interval = 0  # no thread that redraws between two counts

    def __init__(self, total: int, what: str, unit: str, kept: bool) -> None:
        super().__init__(
            total=total,
            desc=what,
            unit=unit,
            leave=kept,
            miniters=1,
            smoothing=SMOOTHING,
            dynamic_ncols=True,
            bar_format="{desc}: {percentage:3.0f} %|{bar}| {n}/{total} [{elapsed}<{remaining}, {pace}{postfix}]",
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        """What `bar_format` may name: all that tqdm has, and the pace."""
        known = super().format_dict
        rate = known["rate"] or (known["elapsed"] and known["n"] / known["elapsed"])
        return {**known, "pace": pace(rate, self.unit)}

    def advance(self, count: int = 1, **facts: str) -> None:
        """Count, and show the facts, such as a loss, behind the rate."""
        self.set_postfix(facts, refresh=False)
        self.update(count)


class Lines:
    """Whole lines without a control character, for a log or a pipe; an end by an error says nothing more."""

    def __init__(self, total: int, what: str, unit: str, kept: bool) -> None:
        self.total, self.what, self.unit, self.kept = total, what, unit, kept
        self.done, self.began = 0, time.monotonic()
        self.last, self.last_done = self.began, 0
        self.due, self.due_done = self.began + FIRST, 1

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        if self.kept and kind is None and self.done:
            seconds = time.monotonic() - self.began
            self._say(f"{self.done} {self.unit}", seconds, pace(self.done / max(seconds, 1e-3), self.unit))

    def advance(self, count: int = 1, **facts: str) -> None:
        """Count, and where a line is due say how far it is, with the facts, such as a loss."""
        self.done += count
        now = time.monotonic()
        if now < self.due or self.done < self.due_done or self.done == self.total:
            return
        rate = (self.done - self.last_done) / (now - self.last)  # since the last line
        left = tqdm.format_interval((self.total - self.done) / rate)
        far = f"{self.done} of {self.total} {self.unit} ({self.done / self.total:.0%})"
        self._say(far, now - self.began, f"{left} left", pace(rate, self.unit), *map(" ".join, facts.items()))
        self.last, self.last_done = now, self.done
        self.due, self.due_done = now + INTERVAL, self.done + self.total / PARTS

    def _say(self, far: str, seconds: float, *more: str) -> None:
        told = ", ".join((f"{self.what}: {far} in {tqdm.format_interval(seconds)}", *more))
        print(told, file=sys.stderr, flush=True)
