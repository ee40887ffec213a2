"""The simulated full run: nothing is lost whatever dies, what is redone is bounded, and its clock is arithmetic's."""

import collections
from pathlib import Path

import numpy as np
import pytest

from stagewise.crops.fetching import AHEAD, BATCH
from stagewise.files.shards import Shard
from stagewise.messages.errors import StagewiseError

BENCH = Path(__file__).parents[1] / "bench"
COUNT = 600


@pytest.fixture
def simulation(monkeypatch):
    """The parts of the simulation, which lie in bench/."""
    monkeypatch.syspath_prepend(str(BENCH))
    import cluster_parts
    import cluster_simulation
    import full_run

    return cluster_parts, cluster_simulation, full_run


def even(parts, count=COUNT, wait=0.0, size=1e6, work=1.0):
    return parts.Videos([size] * count, [wait] * count, [1] * count, [work] * count)


def split(count, shards):
    return [list(range(number, count, shards)) for number in range(shards)]


@pytest.mark.parametrize("shards", [1, 7, 64])
def test_every_name_is_in_exactly_one_shard_and_that_is_the_projects(simulation, shards):
    names = [f"{number}.mp4" for number in range(100_000, 100_000 + COUNT)]
    found = simulation[2].shards_of(names, shards)
    assert sorted(place for shard in found for place in shard) == list(range(COUNT))
    assert all(Shard(shards, number + 1).has(names[place]) for number in range(shards) for place in found[number])


@pytest.mark.parametrize("seed", range(12))
def test_whatever_dies_every_video_is_journaled_once_and_little_is_redone(simulation, seed):
    parts, cluster, full_run = simulation
    generator = np.random.default_rng(seed)
    site, kinds = parts.Site(8, 2, 20e6, 5e6), generator.choice(["process", "node"], 12)
    deaths = list(zip((generator.random(12) * 60).tolist(), kinds, strict=True))
    videos = full_run.drawn(COUNT, 0.5, full_run.Faults(0.1, 0.001, 0.02, 0, 0), generator)
    costs = parts.Costs(1.0, 2.0, 0.01, 3.0, 5.0, 9.0)
    run = cluster.Run(site, costs, videos, split(COUNT, 11), deaths, lambda many: int(generator.integers(many))).all()
    full_run.require_complete(run, COUNT)
    assert not run.running and not any(run.left) and sorted(run.cores) == list(range(8))
    assert run.deaths > 0 and 0 <= run.decoded - COUNT < BATCH * run.deaths
    asked_again = (BATCH + AHEAD + 1) * run.deaths * max(videos.bytes)
    assert sum(videos.bytes) * (1 - 1e-9) <= run.bytes <= sum(videos.bytes) + asked_again


def test_a_lost_video_and_one_done_twice_are_errors(simulation):
    parts, cluster, full_run = simulation
    run = cluster.Run(parts.Site(2, 1, 1e9, 1e9), parts.Costs(), even(parts), split(COUNT, 4)).all()
    run.journaled[5] += 1
    with pytest.raises(StagewiseError, match="some in two"):
        full_run.require_complete(run, COUNT)
    run.journaled = collections.Counter(range(COUNT - 2))
    with pytest.raises(StagewiseError, match="2 of 600 videos are in no journal"):
        full_run.require_complete(run, COUNT)


@pytest.mark.parametrize(
    ("line", "work", "seconds"),
    [
        (1e12, 1.0, COUNT / 4),  # the cores' work
        (10e6, 0.001, COUNT * 1e6 / 10e6),  # the line's
    ],
)
def test_without_faults_the_narrowest_part_says_how_long_it_takes(simulation, line, work, seconds):
    parts, cluster, _ = simulation
    site, costs = parts.Site(4, 4, line, 1e12), parts.Costs(start=0.0)
    run = cluster.Run(site, costs, even(parts, work=work), split(COUNT, 4)).all()
    assert max(run.last.values()) == pytest.approx(seconds, rel=0.01)
    assert run.decoded == COUNT == sum(run.requests.values()) and run.bytes == COUNT * 1e6


@pytest.mark.parametrize(("wait", "hidden"), [(0.3, True), (6.0, False)])
def test_a_wait_is_hidden_behind_the_decoder_but_at_a_batchs_begin(simulation, wait, hidden):
    parts, cluster, _ = simulation
    site, costs = parts.Site(1, 1, 1e12, 1e12), parts.Costs(start=0.0)
    run = cluster.Run(site, costs, even(parts, BATCH * 3, wait=wait), [list(range(BATCH * 3))]).all()
    least = 3 * (BATCH + wait)
    assert (run.last[0] == pytest.approx(least, rel=1e-3)) is hidden and run.last[0] >= least * (1 - 1e-3)


def test_connections_share_a_line_evenly(simulation):
    line = simulation[0].Line(10.0, 8.0)
    line.begin(80.0, 0, ())
    assert line.next_end() == 10.0  # one alone has what a connection may have
    line.advance(5.0)
    line.begin(20.0, 1, ())
    assert line.next_end() == 9.0  # two have 5 each
