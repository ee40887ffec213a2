"""Extraction from a bucket, in shards, on a Ray cluster, killed and through a bad network: the same volumes, and cost.

    bench/scale.sh
    bench/scale.sh --videos 8 --repeats 1 --dry-run

r01 extracts phantom videos in every way, each into a root of its own, from the folder or from an S3 server on 127.0.0.1
(moto) behind a proxy; the hash over all volumes' names and hashes must be that of one run of the folder. What the
bucket costs a video is measured apart, in two processes that are up already and take turns: seconds of the processor,
without those of the server. The client's TLS is not in it, since the server has none.
Ray's cluster is a head without cores and two nodes of one, all on 127.0.0.1; its cost is that of one worker and of the
process that hands out the videos. A gap is the time between two volumes.
Time: 15 minutes on 2 CPU cores.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from extraction_cost import paired
from measure import REPOSITORY, machine, ratio, script, write_section
from shard_runs import HARMED, SHARDS, Runs

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


HARM = {
    "nothing lost": "nothing",
    "a worker killed": "a worker",
    "a node killed": "a node",
    "a node frozen": "a frozen node",
    "the head's store killed": "the head's store",
    "the driver killed and started again": "the driver",
}


def filled(proxy: object, folder: Path) -> list[str]:
    """Put the videos into the bucket; returns their names."""
    from stored_videos import asked

    videos = sorted(folder.glob("*.mp4"))
    for video in videos:
        asked(proxy, "PUT", f"{PLACE.rpartition('/')[2]}/train/{video.name}", video.read_bytes())
    return [video.name for video in videos]


def ways(base: Path, proxy: object, names: list[str]) -> Iterator[tuple[str, float, float, int, str]]:
    """Each way's name, seconds of the processor or 0 where not counted, the longest gap, requests, and hash."""
    folder = str(base / "made" / "input")
    asked_for: dict[str, tuple[str, Callable[[Runs], None], bool]] = {
        "folder, one run": (folder, Runs.whole, False),
        "bucket, one run": (PLACE, Runs.whole, False),
        "bucket, one run, faults of the way": (PLACE, Runs.whole, True),
        f"bucket, {SHARDS} shards, one killed and run again, gathered": (PLACE, lambda runs: runs.shards(True), False),
        f"bucket, {SHARDS} shards, gathered": (PLACE, Runs.shards, False),
        f"folder, {SHARDS} shards, gathered": (folder, Runs.shards, False),
        "folder, Ray": (folder, partial(Runs.cluster, what="nothing"), False),
        **{f"bucket, Ray, {what}": (PLACE, partial(Runs.cluster, what=harmed), False) for what, harmed in HARM.items()},
    }
    for number, (name, (place, work, broken)) in enumerate(asked_for.items()):
        runs = Runs(base / str(number), place)
        proxy.asked.clear()
        proxy.faults = {name: list(faults) for name, faults in zip(names, FAULTS, strict=False)} if broken else {}
        work(runs)
        if left := [faults for faults in proxy.faults.values() if faults]:
            raise StagewiseError(f"{name}: the faults {left} did not come to pass")
        yield name, 0.0 if "Ray" in name else runs.cpu, runs.longest_gap(), len(proxy.asked), runs.hash()


def main() -> None:
    """Extract in every way, compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=cli.at_least(HARMED), default=40, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the table alone")
    arguments = parser.parse_args()
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
        seconds = paired(base, PLACE, arguments.repeats)
    write(arguments, len(names), found, *seconds)


def write(
    arguments: argparse.Namespace,
    count: int,
    found: list[tuple],
    files: list[float],
    objects: list[float],
    on_cluster: list[float],
) -> None:
    """Write the table; raises StagewiseError where the hashes differ."""
    rows = [
        (name, f"{cpu:.1f}" if cpu else "-", f"{gap:.1f}", asked or "-", digest[:12])
        for name, cpu, gap, asked, digest in found
    ]
    overheads = [ratio(files, others) - 1 for others in (objects, on_cluster)]
    told = (
        f"{machine('obstore', 'av', 'ray')}. {count} phantom videos, one worker a process; seconds of the processor "
        f"are with the processes' starts, without the server's. Apart from starts, in {len(files)} turns: "
        f"{statistics.median(files) / count:.4f} s a video of the folder, {statistics.median(objects) / count:.4f} of "
        f"the bucket, {statistics.median(on_cluster) / count:.4f} of the folder on Ray; {overheads[0]:+.1%} and "
        f"{overheads[1]:+.1%} in turns side by side."
    )
    header = ("way", "CPU s", "longest gap, s", "requests", "sha256 over names and volumes' hashes")
    if arguments.dry_run:
        print(told, *rows, sep="\n")
    else:
        write_section("Extraction from a bucket and in shards", "bench/scale.sh", told, header, rows)
    if any(one != other for (*_, one), (*_, other) in pairwise(found)):
        raise StagewiseError("the ways' volumes differ; see the hashes above")


if __name__ == "__main__":
    cli.run(main)
