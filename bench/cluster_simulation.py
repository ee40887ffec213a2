"""A cluster that extracts videos from a bucket, as events in time: shards, cores, nodes, a line, and what dies.

A shard is a process with one worker, on one core, that does what `crops.fetching` does: batches, within each of which
some videos are fetched ahead of the decoder, and whose rows are in the journal when the batch has ended. A process that
dies loses its batch; it is queued again, and goes on from its journal.
"""

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cluster_parts import Costs, Line, Site, Videos

from stagewise.crops.fetching import AHEAD, BATCH

LISTED = 1000  # keys an answer, S3's own number


@dataclass(eq=False)
class Process:
    """A shard's process on a core. begun, taken: how many of the batch are asked for, and decoded."""

    shard: int
    core: int
    batch: list[int] = field(default_factory=list)
    begun: int = 0
    taken: int = 0
    arrived: set[int] = field(default_factory=set)
    alive: bool = True


class Run:
    """A simulated run. deaths: when, and "process" or "node"; chance: picks which, a function of a count."""

    def __init__(
        self,
        site: Site,
        costs: Costs,
        videos: Videos,
        shards: Sequence[Sequence[int]],
        deaths: Sequence[tuple[float, str]] = (),
        chance: Callable[[int], int] = lambda count: 0,
    ) -> None:
        self.site, self.costs, self.videos, self.chance = site, costs, videos, chance
        self.left = [deque(shard) for shard in shards]  # not in a journal yet
        self.known, self.names = [0] * len(shards), sum(map(len, shards))
        self.line, self.events, self.serial, self.now = Line(site.line, site.stream), [], itertools.count(), 0.0
        self.queue, self.cores, self.running = deque(range(len(shards))), deque(range(site.cores)), {}
        self.nodes = list(range(site.cores // site.of_node))  # those that are up
        self.first, self.last = {}, {}  # when a shard began and ended
        self.journaled, self.decoded, self.requests, self.bytes = Counter(), 0, Counter(), 0.0
        self.deaths = 0
        for when, what in deaths:
            self._at(when, None, self._process_dies if what == "process" else self._node_dies)

    def all(self) -> "Run":
        """Let it run until every shard has ended."""
        self._fill_cores()
        while self.events or self.line.flows:
            ends = self.line.next_end()
            if self.events and self.events[0][0] <= ends:
                now, _, process, act, *words = heapq.heappop(self.events)
                self._turn(now, process, act, *words)
            else:
                self.line.advance(ends)
                _, _, (process, act, *words) = heapq.heappop(self.line.flows)
                self._turn(ends, process, act, *words)
        return self

    def _turn(self, now: float, process: Process | None, act: Callable, *words: int) -> None:
        if process is None or process.alive:
            self.now = now
            self.line.advance(now)
            act(*words) if process is None else act(process, *words)

    def _at(self, when: float, process: Process | None, act: Callable, *words: object) -> None:
        heapq.heappush(self.events, (when, next(self.serial), process, act, *words))

    def _fill_cores(self) -> None:
        while self.queue and self.cores:
            shard = self.queue.popleft()
            process = self.running[shard] = Process(shard, self.cores.popleft())
            seconds = self.costs.start
            if shard in self.first:  # it goes on, for which each known volume is compared with the listing
                seconds += self.costs.listing + self.known[shard] * self.costs.verifying
                self._asked(-(-self.names // LISTED))
            self.first.setdefault(shard, self.now)
            self._at(self.now + seconds, process, self._begin_batch)

    def _begin_batch(self, process: Process) -> None:
        left = self.left[process.shard]
        process.batch = list(itertools.islice(left, BATCH))
        process.begun, process.taken, process.arrived = 0, 0, set()
        if not process.batch:
            self.last[process.shard] = self.now
            self.cores.append(self.running.pop(process.shard).core)
            self._fill_cores()
            return
        for _ in process.batch[: AHEAD + 1]:
            self._ask(process)

    def _ask(self, process: Process) -> None:
        place, process.begun = process.begun, process.begun + 1
        self._at(self.now + self.videos.wait[process.batch[place]], process, self._answered, place)

    def _answered(self, process: Process, place: int) -> None:
        video = process.batch[place]
        self._asked(self.videos.requests[video])
        self.bytes += self.videos.bytes[video]
        self.line.begin(self.videos.bytes[video], next(self.serial), (process, self._came, place))

    def _came(self, process: Process, place: int) -> None:
        process.arrived.add(place)
        if place == process.taken:
            self._decode(process)

    def _decode(self, process: Process) -> None:
        self._at(self.now + self.videos.work[process.batch[process.taken]], process, self._made)

    def _made(self, process: Process) -> None:
        self.decoded += 1
        process.taken += 1
        if process.taken == len(process.batch):
            self._journal(process)
            self._begin_batch(process)
            return
        if process.begun < len(process.batch):
            self._ask(process)
        if process.taken in process.arrived:
            self._decode(process)

    def _journal(self, process: Process) -> None:
        for video in process.batch:
            self.journaled[video] += 1
            self.left[process.shard].popleft()
        self.known[process.shard] += len(process.batch)

    def _asked(self, count: int) -> None:
        self.requests[int(self.now) // 10] += count

    def _process_dies(self) -> None:
        if self.running:
            process = list(self.running.values())[self.chance(len(self.running))]
            self._end(process, self.costs.queued)
            self._cores_come([process.core])

    def _node_dies(self) -> None:
        if not self.nodes:
            return
        node = self.nodes.pop(self.chance(len(self.nodes)))
        cores = range(node * self.site.of_node, (node + 1) * self.site.of_node)
        for process in [process for process in self.running.values() if process.core in cores]:
            self._end(process, self.costs.noticed)
        self.cores = deque(core for core in self.cores if core not in cores)
        self._at(self.now + self.costs.back, None, self._node_comes, node, cores)

    def _node_comes(self, node: int, cores: Sequence[int]) -> None:
        self.nodes.append(node)
        self._cores_come(cores)

    def _cores_come(self, cores: Sequence[int]) -> None:
        self.cores.extend(cores)
        self._fill_cores()

    def _end(self, process: Process, seconds: float) -> None:
        process.alive, self.deaths = False, self.deaths + 1
        del self.running[process.shard]
        self.bytes -= self.line.drop(process)
        self._at(self.now + seconds, None, self._queue_again, process.shard)

    def _queue_again(self, shard: int) -> None:
        self.queue.appendleft(shard)  # the oldest job comes first
        self._fill_cores()
