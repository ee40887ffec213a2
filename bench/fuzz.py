"""Feed the readers of foreign files with changed ones, guided by coverage, for a bounded time.

    bench/run.sh fuzz                              # a minute for each reader
    bench/run.sh fuzz --seconds 300 --target video

Reads:  nothing; the files to start from are made here
Writes: the section "Fuzzing" of bench/RESULTS.md; a file that breaks a reader is kept, and its place printed
Time:   --seconds for each reader
Expect: a reader gives something valid or raises InputError, in bounded memory and time, whatever the file
"""

import gzip
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fuzz_dicoms import DICOM_MODULES, check_dicom, dicom_files
from fuzz_videos import VIDEO_MODULES, check_video, video_files
from fuzz_weights import MODULES, check_weights, weight_files

from stagewise.console import cli
from stagewise.messages.errors import InputError, StagewiseError

MOST_BYTES = 1 << 16  # of a file; the ones to start from have 100 to 10,000
MOST_MEBIBYTES = 2048  # of the process; the readers' caps allow 1.5 GiB for one volume
MOST_SECONDS = 20  # for one file
STATISTICS = ("number_of_executed_units", "peak_rss_mb")  # libFuzzer's names


def volume_files() -> list[bytes]:
    """One volume in every pickle protocol; the first byte says whether the rest is still to be compressed."""
    import numpy as np

    volume = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    pickles = [pickle.dumps(volume, protocol) for protocol in range(6)]
    return [b"\0" + gzip.compress(pickles[4]), *(b"\1" + content for content in pickles)]


def check_volume(path: Path, content: bytes) -> None:
    import numpy as np

    from stagewise.volumes.pklz import load_volume

    # without this, hardly a change would get past the gzip's checksum
    path.write_bytes(gzip.compress(content[1:], 1) if content[:1] == b"\1" else content[1:])
    volume = load_volume(path)
    assert volume.dtype == np.uint8 and volume.ndim == 4 and volume.shape[3] == 3 and volume.size


def packed_files() -> list[bytes]:
    """Packed volumes, few and many; the library that writes them never sees a changed one."""
    from stagewise.files import paths
    from stagewise.volumes.packing import pack_volumes

    found = []
    for count in (4, 60):  # a leaf alone, and a branch above several
        with tempfile.TemporaryDirectory() as folder:
            volumes = Path(folder) / "train"
            volumes.mkdir()
            for number in range(count):
                (volumes / f"{number}.mp4.pklz").write_bytes(volume_files()[0][1:])
            pack_volumes(volumes, {path.name: paths.sha256_of(path) for path in volumes.iterdir()}, "index")
            found.append(paths.packed_volumes(volumes).read_bytes())
    return found


def check_packed(path: Path, content: bytes) -> None:
    from stagewise.volumes.packed import pack_beside
    from stagewise.volumes.pklz import load_volume

    path.with_name("train.lmdb").write_bytes(content)
    volumes = path.with_name("train")
    assert pack_beside(volumes).names() is not None
    for number in (0, 3):
        assert load_volume(volumes / f"{number}.mp4.pklz").shape == (2, 3, 4, 3)


def split_files() -> list[bytes]:
    """Splits as text and compressed; the first byte says which."""
    plain = b"filename,stalled,fold,tier1\n100000.mp4,0,0,True\n100001.mp4,1,0,False\n100002.mp4,1,-1,1\n"
    others = (plain.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + plain, plain.replace(b"100000.mp4", b'"a, ""b"".mp4"'))
    return [b"\0" + text for text in (plain, *others)] + [b"\1" + gzip.compress(plain)]


def check_split(path: Path, content: bytes) -> None:
    from stagewise.data.splits import read_split

    table_path = path.with_suffix(".csv.gz" if content[:1] == b"\1" else ".csv")
    table_path.write_bytes(content[1:])
    split = read_split(table_path)
    assert split.folds
    for table in (split.table, split.of_tier1().table):
        assert table["stalled"].isin([0, 1]).all() and table["fold"].min() >= -1
        assert table["filename"].is_unique and not table["filename"].str.contains("/").any()


TARGETS: dict[str, tuple[Callable[[], list[bytes]], Callable[[Path, bytes], None], tuple[str, ...]]] = {
    "volume": (volume_files, check_volume, ("stagewise.volumes.array_pickle", "stagewise.volumes.pklz", "pickletools")),
    "packed": (packed_files, check_packed, ("stagewise.volumes.packed", "stagewise.volumes.lmdb_file")),
    "split": (split_files, check_split, ("stagewise.data.tables", "stagewise.data.splits")),
    "video": (video_files, check_video, tuple(f"stagewise.{name}" for name in VIDEO_MODULES)),
    "weights": (weight_files, check_weights, MODULES),
    "dicom": (dicom_files, check_dicom, DICOM_MODULES),
}


def fuzz(target: str, folder: Path, seconds: int) -> None:
    """Run one reader under libFuzzer, which ends this process."""
    import atheris

    start_files, check, modules = TARGETS[target]
    with atheris.instrument_imports(include=list(modules)):
        import stagewise.crops.roi
        import stagewise.data.splits
        import stagewise.files.torch_weights
        import stagewise.volumes.pklz
        import stagewise.xrays.dicom  # noqa: F401, instrumented by being imported here
    import av

    av.logging.set_level(av.logging.PANIC)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(start_files()):
        (corpus / str(number)).write_bytes(content)
        _one(check, folder / "file", content, must_pass=True)
    options = (f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-rss_limit_mb={MOST_MEBIBYTES}")
    options += (f"-timeout={MOST_SECONDS}", f"-artifact_prefix={folder}/finding-", "-print_final_stats=1", "-seed=1")
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda content: _one(check, folder / "file", content))
    atheris.Fuzz()


def _one(check: Callable[[Path, bytes], None], path: Path, content: bytes, must_pass: bool = False) -> None:
    try:
        check(path, content)
    except InputError:
        if must_pass:
            raise


def run(target: str, seconds: int) -> tuple[str, int, int, list[Path]]:
    """Fuzz one reader in a process of its own.

    Returns: the reader, files tried, peak of memory in MiB, and the file that broke it, if one did: it ends there.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    command = [sys.executable, __file__, "--target", target, "--seconds", str(seconds), "--folder", str(folder)]
    root = {**os.environ, "STAGEWISE_ROOT": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=root)
    found = {name: re.search(rf"stat::{name}: +(\d+)", done.stderr) for name in STATISTICS}
    findings = sorted(folder.glob("finding-*"))
    if not all(found.values()) or bool(done.returncode) != bool(findings):
        raise StagewiseError(f"the fuzzing of {target} did not run: {done.stderr[-3000:]}")
    if findings:
        print(done.stdout[-3000:], f"{findings[0]} breaks the reader of a {target}", sep="\n", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return target, *(int(match[1]) for match in found.values()), findings


def main() -> None:
    """Fuzz each reader in turn, and write down how many files each was given."""
    parser = cli.parser(__doc__)
    parser.add_argument("--seconds", type=cli.at_least(1), default=60, metavar="S", help="for each (default: 60)")
    parser.add_argument("--target", choices=TARGETS, help="one reader alone (default: all, and a table)")
    parser.add_argument("--folder", type=Path, help="where a process of its own keeps its files (set by this script)")
    arguments = parser.parse_args()
    if arguments.folder:
        fuzz(arguments.target, arguments.folder, arguments.seconds)
    rows = [run(target, arguments.seconds) for target in ([arguments.target] if arguments.target else TARGETS)]
    if arguments.target:
        print(*rows)
    else:
        from measure import machine, write_section

        cells = [(name, arguments.seconds, f"{tried:,}", peak, len(found)) for name, tried, peak, found in rows]
        header = ("reader", "seconds", "files tried", "peak memory, MiB", "findings")
        command = f"bench/run.sh fuzz --seconds {arguments.seconds}"
        write_section("Fuzzing", command, machine("atheris", "av", "numpy", "pandas"), header, cells)
    if any(found for *_, found in rows):
        raise StagewiseError("a reader broke; make its file a test, and mend the reader")


if __name__ == "__main__":
    cli.run(main)
