"""r01 as processes of a root of their own: whole, in shards, on a cluster, and killed; what they cost and made."""

import hashlib
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from measure import REPOSITORY, failure

from stagewise.files import paths
from stagewise.files.shards import number_of
from stagewise.messages.errors import StagewiseError

R01 = "preproc_data/r01_extract_roi.py"
SHARDS, PATIENCE = 4, 600  # seconds for a first volume
HARMED = 4  # volumes, behind which a cluster is harmed; of fewer videos it would be waited for
VOLUMES = "[!.]*.pklz"
ONE = ("--workers", "1")


class Runs:
    """r01's processes in a root of their own. place: what they have behind --input."""

    def __init__(self, root: Path, place: str) -> None:
        self.root, self.place, self.cpu = root, place, 0.0
        root.mkdir()

    def start(self, *words: str) -> subprocess.Popen:
        """A process at work; what it prints is in the root's `log`."""
        command = [sys.executable, R01, "train", "--input", self.place, *words]
        settings = {**os.environ, "STAGEWISE_ROOT": str(self.root)}
        with (self.root / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY, env=settings)

    def end(self, process: subprocess.Popen) -> None:
        """Wait for it, and count its seconds and its workers'. Raises StagewiseError where it failed."""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu += used.ru_utime + used.ru_stime
        if process.returncode:
            log = (self.root / "log").read_text(errors="replace")
            raise StagewiseError(f"{failure(process.args[1:], process.returncode)}:\n{log}")

    def whole(self) -> None:
        """All videos by one process, or what shards have left to do."""
        self.end(self.start(*ONE))

    def shards(self, kill: bool = False) -> None:
        """Side by side, then gathered; kill: one is killed behind its first volume, and run again."""
        processes = {number: self.start(*ONE, "--shard", f"{number}/{SHARDS}") for number in range(1, SHARDS + 1)}
        if kill:
            number = self._kill_first(processes)
            processes[number] = self.start(*ONE, "--shard", f"{number}/{SHARDS}")
        for process in processes.values():
            self.end(process)
        self.whole()

    def cluster(self, what: str) -> None:
        """On a Ray cluster of two nodes, of which `what`, or the driver, is harmed behind the first volumes.

        Its seconds are not counted. what: of `RayCluster.harm`, or "the driver", which is started again.
        """
        from ray_cluster import ray_cluster  # of the tests

        with ray_cluster() as running:
            process = self.start("--cluster", running.address)
            self._made(HARMED)
            running.harm(what)
            if what == "the driver":
                process.kill()
                process.wait()
                process = self.start("--cluster", running.address)
            self.end(process)

    def longest_gap(self) -> float:
        """The longest time between two volumes, in seconds."""
        written = sorted(volume.stat().st_mtime for volume in self._made(2))
        return max(later - earlier for earlier, later in pairwise(written))

    def _made(self, count: int) -> list[Path]:
        """The volumes, once there are so many of them."""
        folder, latest = self.root / "modified_data" / "roi_parts" / "train", time.monotonic() + PATIENCE
        while len(made := sorted(folder.glob(VOLUMES))) < count:
            if time.monotonic() > latest:
                raise StagewiseError(f"{len(made)} volumes in {PATIENCE} s; see {self.root / 'log'}")
            time.sleep(0.01)
        return made

    def _kill_first(self, processes: dict[int, subprocess.Popen]) -> int:
        """Kill the shard that has made a volume first, and return its number."""
        made = self._made(1)
        number = number_of(made[0].name.removesuffix(".pklz"), SHARDS)
        if processes[number].poll() is not None:
            raise StagewiseError(f"shard {number} ended before it could be killed; give more --videos")
        processes[number].kill()
        processes[number].wait()
        return number

    def hash(self) -> str:
        """Of all volumes' names and hashes. Raises StagewiseError where the index has others, or a shard left a file.

        What a killed worker was writing is no volume: the next run removes it.
        """
        folder = self.root / "modified_data" / "roi_parts"
        found = [(path.name, paths.sha256_of(path)) for path in sorted((folder / "train").glob(VOLUMES))]
        rows = [line.split(",") for line in (folder / "train.csv").read_text().splitlines()]
        name, sha256 = (rows[0].index(column) for column in ("filename", "sha256"))
        if [(f"{row[name]}.pklz", row[sha256]) for row in rows[1:]] != found:
            raise StagewiseError(f"{folder}: the index and the volumes differ")
        if left := [path.name for path in folder.glob("*-of-*")]:
            raise StagewiseError(f"{folder}: {left} of shards were left over")
        return hashlib.sha256(repr(found).encode()).hexdigest()
