"""What a simulated cluster consists of: cores and a line, what things cost there, and the videos."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """cores: of all nodes; of_node: those of one; line: bytes a second of all; stream: at most, of one connection."""

    cores: int
    of_node: int
    line: float
    stream: float


@dataclass(frozen=True)
class Costs:
    """Seconds. start: of a process; listing: of all names, which one that goes on does; verifying: of a known volume.

    queued: until a killed process is in the queue again; noticed: until those of a lost node are; back: until it is.
    """

    start: float = 2.0
    listing: float = 12.0
    verifying: float = 0.00055
    queued: float = 60.0
    noticed: float = 300.0
    back: float = 600.0


@dataclass(frozen=True)
class Videos:
    """By video: bytes that come, of all tries; seconds of waiting for answers; requests; seconds of a core."""

    bytes: Sequence[float]
    wait: Sequence[float]
    requests: Sequence[int]
    work: Sequence[float]


class Line:
    """Connections that share a line evenly; each has the bytes that every one of them has had by now, and its end."""

    def __init__(self, rate: float, stream: float) -> None:
        self.rate, self.stream, self.now, self.had, self.flows = rate, stream, 0.0, 0.0, []

    def advance(self, now: float) -> None:
        """Let the bytes flow until now."""
        self.had += (now - self.now) * self._share()
        self.now = now

    def begin(self, size: float, serial: int, arrived: tuple) -> None:
        """A connection for so many bytes; arrived: what to do behind them."""
        heapq.heappush(self.flows, (self.had + size, serial, arrived))

    def next_end(self) -> float:
        """When the next connection ends, if none else comes."""
        return self.now + (self.flows[0][0] - self.had) / self._share() if self.flows else float("inf")

    def drop(self, process: object) -> float:
        """End a process's connections. Returns: the bytes that were still to come."""
        gone = [flow for flow in self.flows if flow[2][0] is process]
        self.flows = [flow for flow in self.flows if flow[2][0] is not process]
        heapq.heapify(self.flows)
        return sum(flow[0] - self.had for flow in gone)

    def _share(self) -> float:
        return min(self.stream, self.rate / max(len(self.flows), 1))
