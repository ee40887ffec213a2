"""Extraction of many videos: parallel, resumable, and never trusting a file that it cannot prove whole.

A finished video is one line in a journal beside the index, written after the volume is on the disk. An
interrupted run leaves the journal; the next one believes a line only if the volume's checksum agrees.
"""

import csv
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from stagewise.crops.input_videos import list_videos
from stagewise.crops.roi import extract_roi
from stagewise.crops.roi_index import ROI_INDEX, ROI_SIZES
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.locks import owned
from stagewise.files.names import require_video_name
from stagewise.machine.workers import WorkerPool
from stagewise.messages.progress import progress
from stagewise.video.codecs import CODECS
from stagewise.video.decoding import VideoError
from stagewise.volumes.pklz import save_volume

# of a dangling link, missing rights, a loop of links, a file that was replaced on its server; not EIO, of a disk
OF_ONE_FILE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ESTALE)

Row = dict[str, str]  # a line of the index, columns `ROI_INDEX`, as text


@dataclass(frozen=True)
class Extraction:
    """One video to extract; `known` is what an earlier run wrote down about it, `codecs` what may be decoded."""

    video: Path
    volume: Path
    known: Row | None = None
    codecs: tuple[str, ...] = CODECS

    def __str__(self) -> str:
        return paths.shown(self.video)


def plan(subset: str, force: bool = False, codecs: tuple[str, ...] = CODECS) -> list[Extraction]:
    """What extraction has to do; with `force` nothing that is there counts. codecs: those that may be decoded."""
    known, videos = {} if force else _known_rows(subset), list_videos(subset)
    for video in videos:
        require_video_name(video.name, paths.shown(paths.videos_folder(subset)))
    return [Extraction(video, paths.volume_path(subset, video.name), known.get(video.name), codecs) for video in videos]


def extract_subset(subset: str, workers: int, force: bool = False, codecs: tuple[str, ...] = CODECS) -> list[Row]:
    """Extract every video of `train` or `test`, and write the index. codecs: those that may be decoded.

    Returns: the index's rows, those with status "quarantined" among them; the same for any number of workers.
    Raises BusyError where another process extracts the subset, StagewiseError if a worker dies.
    """
    with _journal(subset) as journal, WorkerPool(workers) as pool:
        rows = _extract_all(plan(subset, force, codecs), subset, journal, pool)
        write_index(subset, rows)
    return rows


def _extract_all(tasks: list[Extraction], subset: str, journal: TextIO, pool: WorkerPool) -> list[Row]:
    rows, writer = [], csv.DictWriter(journal, ROI_INDEX, lineterminator="\n")
    with progress(len(tasks), f"extracting {subset}", "videos") as line:
        for task, row in pool.in_order(extract, tasks):
            if row["status"] == "ok" and row != task.known:
                paths.flush(task.volume)  # here, since a worker that waited for the disk would leave its core idle
            writer.writerow(row)
            journal.flush()
            rows.append(row)
            line.advance()
    return rows


def extract(task: Extraction) -> Row:
    """Make one volume, or keep it if it is whole and newer than its video; a bad video leaves no volume.

    The volume may not be on the disk yet. Raises OSError where more than this one video cannot be read or written.
    """
    blank = dict.fromkeys(ROI_INDEX, "0") | {"filename": task.video.name, "sha256": "", "reason": ""}
    try:
        with paths.naming(task.video):
            if task.known and _is_whole(task):
                return task.known
            task.volume.unlink(missing_ok=True)
            video_bytes = task.video.stat().st_size
            roi = extract_roi(task.video, task.codecs)
    except (VideoError, OSError) as error:
        reason = _reason(error, task.video)
        task.volume.unlink(missing_ok=True)
        return blank | {"status": "quarantined", "reason": " ".join(reason.split())}
    sizes = (*roi.volume.shape[:3], *roi.box, roi.frames_with_outline, video_bytes)
    found = dict(zip(ROI_SIZES, map(str, sizes), strict=True))
    sha256 = save_volume(task.volume, roi.volume, durable=False)
    return blank | found | {"status": "ok", "sha256": sha256, "reason": roi.reason}


def _reason(error: VideoError | OSError, video: Path) -> str:
    """Why the video is set aside. Raises the error where it is not this one video's: a disk or a mount that fails."""
    if isinstance(error, VideoError):
        return error.reason
    if error.errno not in OF_ONE_FILE or str(error.filename) != str(video):
        raise error
    try:  # the folder is still there, and the video in it, if only as a link
        video.parent.stat() if error.errno == errno.ESTALE else video.lstat()
    except OSError:
        raise error from None
    link = f", and is a link to {video.readlink()}" if video.is_symlink() else ""
    return f"cannot be read: {error.strerror}{link}"


def write_index(subset: str, rows: list[Row]) -> None:
    """The table of the subset's volumes, in the order of the file names."""
    with paths.replacing(paths.roi_index(subset)) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ROI_INDEX, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def journal_path(subset: str) -> Path:
    """Lines of the index for the videos finished so far; gone when the index is written."""
    return paths.roi_index(subset).with_suffix(".journal")


@contextmanager
def _journal(subset: str) -> Iterator[TextIO]:
    """The journal, open for one process alone, and removed when the work is done."""
    path = journal_path(subset)
    lock = path.with_suffix(".lock")
    with owned(lock, f"the extraction of {subset}"), paths.naming(path), path.open("a", newline="") as journal:
        remove_leftovers(path.parent)  # where another process may write the other subset's index
        remove_leftovers(paths.roi_folder(subset), alone=True)
        journal.write("\n")  # ends a line that a killed run has torn
        yield journal
        path.unlink(missing_ok=True)


def _known_rows(subset: str) -> dict[str, Row]:
    """What the index and then the journal say; a line that is not whole does not count."""
    known = {}
    for path in (paths.roi_index(subset), journal_path(subset)):
        if path.exists():
            with paths.naming(path):
                text = path.read_text(errors="replace")
            for line in text.splitlines():
                cells = next(csv.reader([line]), [])
                if len(cells) == len(ROI_INDEX):
                    known[cells[0]] = dict(zip(ROI_INDEX, cells, strict=True))
    return known


def _is_whole(task: Extraction) -> bool:
    """Whether the volume is as recorded, and of the video that is there.

    A video that was moved or copied here in place of another one may be older than the volume, but has another size.
    """
    if task.known["status"] != "ok" or not task.volume.exists():
        return False
    video = task.video.stat()
    replaced = task.volume.stat().st_mtime < video.st_mtime or task.known["video_bytes"] != str(video.st_size)
    return not replaced and paths.sha256_of(task.volume) == task.known["sha256"]
