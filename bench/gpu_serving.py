"""The other end of `gpu_children.Child`: what the processes of `bench/gpu.py` do, a candidate or the ceilings."""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from gpu_candidates import Candidate, Timed, peak_of, release, timed
from gpu_ceilings import ceilings
from gpu_children import say

MOST_STEPS = 50


def serve(candidate: Candidate, tiny: bool) -> None:
    """Compile, say so, then measure for every line, which is how many seconds of steps to take."""
    start = time.perf_counter()
    works = {}
    for batch in candidate.batches:
        works[batch] = timed(candidate, batch, tiny)
        if not candidate.is_eager:
            works[batch].step()
            works[batch].alone(1)
    release()
    say(seconds=round(time.perf_counter() - start, 1))
    for line in sys.stdin:
        say(rows=[_row(candidate, batch, work, float(line)) for batch, work in works.items()])


def _row(candidate: Candidate, batch: int, work: Timed, budget: float) -> dict[str, Any]:
    try:
        return {"batch": batch, "passes": work.passes, **_measured(work, budget), "peak": peak_of(candidate)}
    except Exception as error:  # such as no memory for the large batch: the other rows still count
        return {"batch": batch, "error": f"{type(error).__name__}: {str(error)[:300]}"}
    finally:
        release()


def _measured(work: Timed, budget: float) -> dict[str, Any]:
    """The median step of as many as the budget has seconds for, and the mean of as many without the host."""
    for _ in range(2):
        work.step()
    count = max(2, min(MOST_STEPS, int(budget / max(_seconds(work.step), 1e-4))))
    steps = [_seconds(work.step) for _ in range(count)]
    work.alone(2)
    return {"seconds": median(steps), "alone": _seconds(lambda: work.alone(count)) / count, "count": count}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def serve_ceilings(tiny: bool) -> None:
    """Each ceiling as it is measured, and then that there are no more."""
    for name, value, unit in ceilings(tiny):
        say(name=name, value=float(f"{value:.3g}"), unit=unit)
    say(done=True)
