"""Extraction from a bucket, in shards, killed and through a bad network: the same volumes, and what they cost.

    bench/scale.sh
    bench/scale.sh --videos 8 --repeats 1 --dry-run

r01 extracts phantom videos in every way, each into a root of its own, from the folder or from an S3 server on 127.0.0.1
(moto) behind a proxy; the hash over all volumes' names and hashes must be that of one run of the folder. What the
bucket costs a video is measured apart, in two processes that are up already and take turns: seconds of the processor,
without those of the server. The client's TLS is not in it, since the server has none.
Time: 10 minutes on 2 CPU cores.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from measure import REPOSITORY, Served, machine, ratio, script, serve, write_section
from shard_runs import SHARDS, Runs

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError

sys.path.append(str(REPOSITORY / "tests"))  # the S3 server and the proxy of the tests

PLACE = "s3://videos/clog"
FAULTS = (  # of the first videos, one each; what follows one fault is another, or the whole answer
    ("flipped bit",),
    ("closed inside", "503"),
    ("shorter length",),
    ("chunked, ended",),
    ("reset", "500", "429"),
    ("no length, cut",),
)


def filled(proxy: object, folder: Path) -> list[str]:
    """Put the videos into the bucket; returns their names."""
    from stored_videos import asked

    videos = sorted(folder.glob("*.mp4"))
    for video in videos:
        asked(proxy, "PUT", f"{PLACE.rpartition('/')[2]}/train/{video.name}", video.read_bytes())
    return [video.name for video in videos]


def ways(base: Path, proxy: object, names: list[str]) -> Iterator[tuple[str, float, int, str]]:
    """Each way's name, seconds of the processor, requests, and hash."""
    folder = str(base / "made" / "input")
    asked_for: dict[str, tuple[str, Callable[[Runs], None], bool]] = {
        "folder, one run": (folder, Runs.whole, False),
        "bucket, one run": (PLACE, Runs.whole, False),
        "bucket, one run, faults of the way": (PLACE, Runs.whole, True),
        f"bucket, {SHARDS} shards, one killed and run again, gathered": (PLACE, lambda runs: runs.shards(True), False),
        f"bucket, {SHARDS} shards, gathered": (PLACE, Runs.shards, False),
        f"folder, {SHARDS} shards, gathered": (folder, Runs.shards, False),
    }
    for number, (name, (place, work, broken)) in enumerate(asked_for.items()):
        runs = Runs(base / str(number), place)
        proxy.asked.clear()
        proxy.faults = {name: list(faults) for name, faults in zip(names, FAULTS, strict=False)} if broken else {}
        work(runs)
        if left := [faults for faults in proxy.faults.values() if faults]:
            raise StagewiseError(f"{name}: the faults {left} did not come to pass")
        yield name, runs.cpu, len(proxy.asked), runs.hash()


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


def paired(base: Path, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of the processor for all videos, of the folder and of the bucket, turn by turn after one uncounted."""
    places = {"of_folder": str(base / "made" / "input"), "of_bucket": PLACE}
    for name in places:
        (base / name).mkdir()
    served = [Served(__file__, "--extract", p, STAGEWISE_ROOT=str(base / name)) for name, p in places.items()]
    with served[0] as folder, served[1] as bucket:
        turns = [(folder.work()["cpu"], bucket.work()["cpu"]) for _ in range(repeats + 1)]
    return tuple(map(list, zip(*turns[1:], strict=True)))


def main() -> None:
    """Extract in every way, compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=cli.at_least(1), default=40, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the table alone")
    parser.add_argument("--extract", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.extract:
        extract_in_turn(arguments.extract)
        return
    from stored_videos import SETTINGS, bucket_server

    with tempfile.TemporaryDirectory() as folder, bucket_server() as proxy:
        base = Path(folder)
        os.environ |= {**SETTINGS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        os.environ["STAGEWISE_ROOT"] = str(base / "made")
        script("preproc_data/r00_make_phantom.py", "--train", arguments.videos, "--test", 1)
        names = filled(proxy, base / "made" / "input" / "train")
        found = []
        for way in ways(base, proxy, names):
            found.append(way)
            print(*way, flush=True)
        files, objects = paired(base, arguments.repeats)
    write(arguments, len(names), found, files, objects)


def write(
    arguments: argparse.Namespace, count: int, found: list[tuple], files: list[float], objects: list[float]
) -> None:
    """Write the table; raises StagewiseError where the hashes differ."""
    rows = [(name, f"{cpu:.1f}", asked or "-", digest[:12]) for name, cpu, asked, digest in found]
    overhead = ratio(files, objects) - 1
    told = (
        f"{machine('obstore', 'av')}. {count} phantom videos, one worker a process; seconds of the processor are "
        f"with the processes' starts, without the server's. Apart from starts, in {len(files)} turns: "
        f"{statistics.median(files) / count:.4f} s a video of the folder, {statistics.median(objects) / count:.4f} of "
        f"the bucket, {overhead:+.1%} in turns side by side."
    )
    header = ("way", "CPU s", "requests", "sha256 over names and volumes' hashes")
    if arguments.dry_run:
        print(told, *rows, sep="\n")
    else:
        write_section("Extraction from a bucket and in shards", "bench/scale.sh", told, header, rows)
    if any(one != other for (*_, one), (*_, other) in pairwise(found)):
        raise StagewiseError("the ways' volumes differ; see the hashes above")


if __name__ == "__main__":
    cli.run(main)
