"""What extraction takes of the processor, of a folder, of a bucket, and by the worker of a Ray cluster, in turns.

bench/scale.py asks for it; its S3 server must be there.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from measure import REPOSITORY, Served, serve

sys.path.append(str(REPOSITORY / "tests"))  # its Ray cluster


def extract_in_turn(place: str) -> None:
    """For every line, extract all videos anew in this process, and say what of the processor it took."""
    from stagewise.crops.extraction import extract_subset
    from stagewise.crops.sources import source_of

    source = source_of(place, False, None)

    def work() -> dict[str, float]:
        start = time.process_time()
        extract_subset("train", 0, force=True, source=source)
        return {"cpu": time.process_time() - start}

    serve({}, work)


def extract_on_cluster(place: str) -> None:
    """The same by the one worker of a Ray cluster: what the worker and this process took, between two answers."""
    from ray_cluster import ray_cluster

    from stagewise.crops.extraction import plan
    from stagewise.crops.fetching import BATCH, Batches
    from stagewise.crops.sources import source_of
    from stagewise.machine.cluster_pool import ClusterPool

    tasks = Batches(plan("train", force=True, source=source_of(place, False, None)), BATCH)
    with ray_cluster(nodes=1) as running, ClusterPool(running.address, None) as pool:
        last = [0.0]

        def work() -> dict[str, float]:
            start = time.process_time()
            before, last[0] = last[0], max(seconds for _, seconds in pool.as_they_come(extract_timed, tasks))
            return {"cpu": last[0] - before + time.process_time() - start}

        serve({}, work)


def extract_timed(batch: object) -> float:
    """Extract a batch in a cluster's worker. Returns: what its process has taken of the processor until now."""
    from stagewise.crops.fetching import extract_batch

    extract_batch(batch)
    return time.process_time()


def paired(base: Path, bucket: str, repeats: int) -> list[list[float]]:
    """Seconds of the processor for all videos, of the folder, of the bucket, and of the folder by a cluster's worker.

    Turn by turn, after one that is not counted.
    """
    folder = str(base / "made" / "input")
    ways = {"of_folder": ("--extract", folder), "of_bucket": ("--extract", bucket), "by_cluster": ("--cluster", folder)}
    for name in ways:
        (base / name).mkdir()
    with ExitStack() as stack:
        served = [
            stack.enter_context(Served(__file__, *words, STAGEWISE_ROOT=str(base / name)))
            for name, words in ways.items()
        ]
        turns = [[one.work()["cpu"] for one in served] for _ in range(repeats + 1)]
    return list(map(list, zip(*turns[1:], strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extract", metavar="PLACE")
    parser.add_argument("--cluster", metavar="PLACE")
    asked = parser.parse_args()
    (extract_in_turn if asked.extract else extract_on_cluster)(asked.extract or asked.cluster)
