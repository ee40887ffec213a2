"""Volumes a second from a file each and from one LMDB file, with a warm and a cold page cache, and what they take.

    bench/run.sh storage
    bench/run.sh storage --volumes modified_data/roi_parts/train

One process reads the same volumes in the same random order: each from its file, from r05's packed file as training
reads it, and as the peer, from the packed file by the library's own map of it (as the second place did: no locks, no
readahead; and with readahead). Ways in turn, round by round. Cold: before each turn the kernel is asked to drop the
files' pages; names and inodes of the small files stay, which helps these. No other process is slowed by it.
Time: 10 minutes on 2 CPU cores, most of it for making the phantom.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

import lmdb
import numpy as np
from measure import digits, machine, script, write_section

from stagewise.console import cli
from stagewise.files import paths
from stagewise.volumes.array_pickle import array_from_pickle
from stagewise.volumes.packing import pack_volumes
from stagewise.volumes.pklz import GZIP, isal_zlib, load_volume

CLIPS, MOST_READ = 400, 1000


def make_volumes() -> Path:
    """Phantom volumes of real size, by the numbered scripts, in the root."""
    script("preproc_data/r00_make_phantom.py", "--train", CLIPS, "--test", 1)
    script("preproc_data/r01_extract_roi.py", "train")
    return paths.roi_folder("train")


def drop_pages(files: Iterable[Path]) -> None:
    """Ask the kernel to forget what it holds of files that are on the disk."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def by_library(pack: Path, names: list[str], readahead: bool) -> None:
    """Read and unpack volumes from the library's own map."""
    with lmdb.open(str(pack), subdir=False, lock=False, readonly=True, readahead=readahead, meminit=False) as opened:
        for name in names:
            with opened.begin(buffers=True) as reading:
                content = reading.get(name.encode())[len(name) :]
                array_from_pickle(isal_zlib.decompress(content, GZIP))


def measured(ways: dict[str, Callable[[], None]], repeats: int, before: Callable[[], None]) -> dict[str, list[float]]:
    """Seconds of each way's turns, after one that does not count; `before` each turn, uncounted, comes another step."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + repeats):
        for name, way in ways.items():
            before()
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: turns[1:] for name, turns in seconds.items()}


def main() -> None:
    """Measure in a temporary root, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--volumes", type=Path, metavar="FOLDER", help="of .pklz files (default: a phantom's)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        folder = (arguments.volumes or make_volumes()).absolute()
        plain, packed = Path(root) / "plain", Path(root) / "packed"
        for link in (plain, packed):
            link.symlink_to(folder)
        files = sorted(folder.glob("*.pklz"))
        start = time.perf_counter()
        pack_volumes(packed, {path.name: paths.sha256_of(path) for path in files}, "benchmark")
        packing, pack = time.perf_counter() - start, paths.packed_volumes(packed)
        os.sync()  # what is not on the disk yet cannot be dropped
        order = np.random.default_rng(0).permutation(len(files))[:MOST_READ]
        names = [files[number].name for number in order]
        ways = {
            "a file each": lambda: [load_volume(plain / name) for name in names],
            "packed": lambda: [load_volume(packed / name) for name in names],
            "packed, the library's map": lambda: by_library(pack, names, readahead=False),
            "packed, the library's map with readahead": lambda: by_library(pack, names, readahead=True),
        }
        warm = measured(ways, arguments.repeats, lambda: None)
        cold = measured(ways, arguments.repeats, lambda: drop_pages([*files, pack]))
        rows = [
            (name, *(cell for turns in (warm, cold) for cell in rates(turns, name, len(names))), *sizes(paths_of))
            for name, paths_of in zip(ways, (files, [pack], [pack], [pack]), strict=True)
        ]
    write_section(
        "Storage",
        "bench/run.sh storage",
        f"{len(files)} volumes, of which {len(names)} are read and unpacked by one process in a random order; medians "
        f"of {arguments.repeats} turns, ratios of turns side by side. Hashing and packing took {digits(packing)} s. "
        f"{machine('numpy', 'isal', 'lmdb')}",
        ("storage", "volumes/s, warm", "to a file each", "volumes/s, cold", "to a file each", "bytes", "on the disk"),
        rows,
    )


def sizes(taken: Sequence[Path]) -> tuple[str, str]:
    """Bytes of files, and what they take on the disk."""
    states = [path.stat() for path in taken]
    return f"{sum(state.st_size for state in states):,}", f"{sum(state.st_blocks for state in states) * 512:,}"


def rates(seconds: dict[str, list[float]], name: str, count: int) -> tuple[str, str]:
    """Volumes a second, and how many times those of a file each."""
    pairs = zip(seconds["a file each"], seconds[name], strict=True)
    return f"{count / median(seconds[name]):.0f}", f"{median(plain / own for plain, own in pairs):.2f}"


if __name__ == "__main__":
    cli.run(main)
