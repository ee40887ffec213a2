"""A simulated extraction of all 573,048 videos from a bucket, by shards on a cluster and on a lab's one line.

    bench/run.sh full_run
    bench/run.sh full_run --videos 20000 --dry-run

Nothing is fetched or decoded: a video takes the times that were measured of fetching and decoding, and chance draws
its size, its waiting and its faults. The names are real ones in form, and fall into shards by the project's own hash;
batches, fetches ahead, and what a process that dies goes on from, are as in `stagewise.crops`.
Time: 2 minutes on a CPU core.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cluster_parts import Costs, Site, Videos
from cluster_simulation import Run
from measure import write_section

from stagewise.console import cli
from stagewise.crops import storage
from stagewise.files.shards import number_of
from stagewise.messages.errors import StagewiseError

ALL, SEED = 573_048, 42  # the competition's training videos
MEAN_BYTES, SPREAD = 2.44e6, 0.54  # 1.4 TB by their number; deviation to mean of 200 phantom videos' sizes
QUICK, SLOW = 0.083, 0.148  # seconds of a core a video of mean size: README's 12 a second, and beside other work
CHECKED = 0.012  # seconds of the core for TLS and MD5
WAIT = 0.1  # seconds to an answer's first byte: what fetching ahead was tried with, not a real bucket's
GATHERERS, INDEX = 8, 6.6  # the gather's workers; seconds of writing the index
NEARBY, LAB = Site(64, 8, 3e9, 60e6), Site(8, 4, 125e6, 60e6)  # 24 Gbit/s of 8 machines; 1 Gbit/s


@dataclass(frozen=True)
class Faults:
    """Ours, of no measured cluster: shares of requests, and how many deaths in a run."""

    refused: float = 0.001  # 503 or a reset: asked again behind a backoff
    silent: float = 0.00001  # no answer until the client's read timeout
    broken: float = 0.00001  # a content that is not its MD5's: all of it again
    processes: int = 3
    nodes: int = 1


NONE = Faults(0, 0, 0, 0, 0)
HEADER = (
    *("what", "hours", "requests", "requests/s: mean, highest 10 s", "GB in", "MB/s"),
    *(
        "videos decoded again (processes that died)",
        "minutes from a shard's first start to its end: longest, mean (ratio)",
    ),
)


def drawn(count: int, pace: float, faults: Faults, generator: np.random.Generator) -> Videos:
    """The videos' sizes, waits, requests and work; pace: seconds a video of mean size."""
    shape = SPREAD**-2
    size = generator.gamma(shape, 1 / shape, count)
    refused = generator.geometric(1 - faults.refused, count) - 1
    silent, broken = (generator.random(count) < share for share in (faults.silent, faults.broken))
    backoff = storage.RETRY["backoff"]["init_backoff"].total_seconds() * 2 ** (refused + 1.0) * (refused > 0)
    wait = generator.gamma(4, WAIT / 4, count) + generator.random(count) * backoff
    wait += silent * storage.CLIENT["read_timeout"].total_seconds() + broken * (WAIT + storage.LONGEST_PAUSE / 2)
    requests = 1 + refused + silent + broken
    columns = (size * MEAN_BYTES * (1 + broken), wait, requests, size * pace + CHECKED)
    return Videos(*(column.tolist() for column in columns))


def shards_of(names: Sequence[str], count: int) -> list[list[int]]:
    """The places of the names in each shard, by the project's own hash of a name."""
    found: list[list[int]] = [[] for _ in range(count)]
    for place, name in enumerate(names):
        found[number_of(name, count) - 1].append(place)
    return found


def simulated(count: int, site: Site, shards: int, pace: float, faults: Faults) -> Run:
    """One run, with deaths at random times of its first nine tenths."""
    generator = np.random.default_rng([SEED, shards])
    videos = drawn(count, pace, faults, generator)
    length = max(sum(videos.work) / site.cores, sum(videos.bytes) / site.line)
    deaths = ["process"] * faults.processes + ["node"] * faults.nodes
    times = zip((generator.random(len(deaths)) * 0.9 * length).tolist(), deaths, strict=True)
    names = [f"{number}.mp4" for number in range(100_000, 100_000 + count)]
    run = Run(site, Costs(), videos, shards_of(names, shards), list(times), lambda many: int(generator.integers(many)))
    return require_complete(run.all(), count)


def require_complete(run: Run, count: int) -> Run:
    """The run; raises StagewiseError where a video is not in exactly one journal, exactly once."""
    if len(run.journaled) != count or set(run.journaled.values()) != {1}:
        raise StagewiseError(f"{count - len(run.journaled)} of {count} videos are in no journal, or some in two")
    return run


def line(name: str, count: int, site: Site, shards: int, pace: float, faults: Faults) -> tuple:
    """A row of the table."""
    run = simulated(count, site, shards, pace, faults)
    end = max(run.last.values())
    gather = 2 * run.costs.start + run.costs.listing + count * run.costs.verifying / GATHERERS + INDEX * count / ALL
    took = [run.last[shard] - run.first[shard] for shard in run.first]
    ended, requests = run.decoded - count, sum(run.requests.values())
    return (
        f"{name}, {shards} shards, {pace} s a video{', faults' * (faults != NONE)}",
        f"{(end + gather) / 3600:.2f}",
        f"{requests:,}",
        f"{requests / end:.0f}, {max(run.requests.values()) / 10:.0f}",
        f"{run.bytes / 1e9:,.0f}",
        f"{run.bytes / end / 1e6:.0f}",
        f"{ended} ({run.deaths})",
        f"{max(took) / 60:.1f}, {statistics.mean(took) / 60:.1f} ({max(took) / statistics.mean(took):.2f})",
    )


def main() -> None:
    """Simulate, and write the table."""
    parser = cli.parser(__doc__, "dry-run")
    parser.add_argument("--videos", type=cli.at_least(1), default=ALL, metavar="N", help="(default: %(default)s)")
    arguments = parser.parse_args()
    near, lab = ("64 cores beside the bucket", NEARBY), ("8 cores on 1 Gbit/s", LAB)
    asked = [
        (*near, 64, SLOW, NONE),
        (*near, 64, SLOW, Faults()),
        (*near, 256, SLOW, Faults()),
        (*near, 64, QUICK, Faults()),
        (*lab, 64, SLOW, NONE),
        (*lab, 64, SLOW, Faults()),
        (*lab, 64, QUICK, Faults()),
    ]
    rows = []
    for name, *how in asked:
        rows.append(line(name, arguments.videos, *how))
        print(*rows[-1], sep=" | ", flush=True)
    if not arguments.dry_run:
        write_section("A full run, simulated", "bench/run.sh full_run", setting(arguments.videos), HEADER, rows)


def setting(count: int) -> str:
    """What the figures hang on."""
    faults, costs = Faults(), Costs()
    return (
        f"A simulation, not a run: {count:,} names; a video has {MEAN_BYTES / 1e6} MB (deviation {SPREAD} of that) and "
        f"takes the seconds of a core told, and {CHECKED} for TLS and MD5, which were measured; {WAIT} s to an "
        f"answer, and {NEARBY.stream / 1e6:.0f} MB/s a connection at most, were not. One worker a shard. Faults: "
        f"{faults.refused:.1%} of requests refused, {faults.silent:.3%} silent for 30 s, {faults.broken:.3%} of "
        f"contents broken, {faults.processes} processes killed and {faults.nodes} node lost for {costs.back / 60:.0f} "
        f"minutes; queued again after {costs.queued:.0f} and {costs.noticed:.0f} s. Hours are with the gather, by "
        f"{GATHERERS} workers. All videos were in exactly one journal in each."
    )


if __name__ == "__main__":
    cli.run(main)
