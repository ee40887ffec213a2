"""Which task of many is begun next where workers may be lost or slow; each counts once, however often it is begun."""

import statistics
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

DEATHS = 3  # of workers with the same task in hand, or before they are ready, that are no chance any more
COPIES = 3  # at most of a task at once
SLOW = 2.0  # times the median of the finished tasks, after which another worker begins a task again
BATCHES = 4  # for each worker at least, of which the last ones are then no long wait
UNKNOWN = 30.0  # seconds, where none has finished yet


@dataclass(frozen=True)
class Held:
    """What a worker does. number: of its task, None while it gets ready; since: by `time.monotonic`."""

    actor: Any
    number: int | None
    since: float


class Round:
    """Which of the tasks 0 to `count` - 1 is to be begun next; each counts once, however often it is begun."""

    def __init__(self, count: int) -> None:
        self.waiting, self.open = deque(range(count)), set(range(count))
        self.deaths: Counter[int] = Counter()
        self.seconds: list[float] = []  # that finished tasks took

    def next(self, held: Collection[Held], now: float) -> int | None:
        """For a worker with nothing to do: the next task, or one that is late where it is; None where there is none."""
        if self.waiting:
            return self.waiting.popleft()
        late = now - (SLOW * statistics.median(self.seconds) if self.seconds else UNKNOWN)
        copies = Counter(one.number for one in held)
        again = [one for one in held if one.number in self.open and one.since < late and copies[one.number] < COPIES]
        return min(again, key=lambda one: (copies[one.number], one.since)).number if again else None

    def end(self, held: Held, now: float) -> bool:
        """Note what a worker has finished; whether nobody has finished it before."""
        if held.number not in self.open:
            return False
        self.open.remove(held.number)
        self.seconds.append(now - held.since)
        return True

    def lose(self, number: int, others: Collection[Held]) -> bool:
        """Note a worker that died with a task in hand; whether it was one too many."""
        if number in self.open:
            self.deaths[number] += 1
            if all(one.number != number for one in others):
                self.waiting.appendleft(number)
        return self.deaths[number] == DEATHS


def all_wait(held: Collection[Held], now: float) -> bool:
    """Whether nothing is done, since no worker has had a place for `UNKNOWN` seconds."""
    return bool(held) and all(one.number is None and now - one.since > UNKNOWN for one in held)


def batch_size(count: int, workers: int, most: int) -> int:
    """How many of `count` tasks a worker gets at a time: `most`, or fewer where it would have less than `BATCHES`."""
    return max(1, min(most, count // (BATCHES * max(workers, 1))))
