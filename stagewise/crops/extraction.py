"""Extraction of many videos: parallel, resumable, and never trusting a file that it cannot prove whole."""

from dataclasses import dataclass
from pathlib import Path

from stagewise.crops.input_videos import list_videos
from stagewise.crops.roi import extract_roi
from stagewise.crops.roi_index import ROI_INDEX, ROI_SIZES
from stagewise.files import paths
from stagewise.files.journals import Index, Row, why_unread
from stagewise.files.names import require_video_name
from stagewise.files.shards import Shard
from stagewise.machine.making import make_all
from stagewise.machine.workers import WorkerPool
from stagewise.video.codecs import CODECS
from stagewise.video.decoding import VideoError
from stagewise.volumes.pklz import save_volume


@dataclass(frozen=True)
class Extraction:
    """One video to extract; `known` is what an earlier run wrote down about it, `codecs` what may be decoded."""

    video: Path
    volume: Path
    known: Row | None = None
    codecs: tuple[str, ...] = CODECS

    def made(self, row: Row) -> tuple[Path, ...]:
        """The volume."""
        return (self.volume,)

    def __str__(self) -> str:
        return paths.shown(self.video)


def plan(
    subset: str, force: bool = False, codecs: tuple[str, ...] = CODECS, shard: Shard | None = None
) -> list[Extraction]:
    """What extraction has to do; with `force` nothing that is there counts.

    codecs: those that may be decoded; shard: whose videos are meant, None for all.
    """
    known, videos = {} if force else index_of(subset).known_rows(), list_videos(subset)
    videos = [video for video in videos if shard is None or shard.has(video.name)]
    for video in videos:
        require_video_name(video.name, paths.shown(paths.videos_folder(subset)))
    return [Extraction(video, paths.volume_path(subset, video.name), known.get(video.name), codecs) for video in videos]


def extract_subset(
    subset: str, workers: int, force: bool = False, codecs: tuple[str, ...] = CODECS, shard: Shard | None = None
) -> list[Row]:
    """Extract every video of `train` or `test`, or of a shard, and write the index, or the shard's part of it.

    codecs: those that may be decoded. What shards wrote counts as what an earlier run wrote, and goes with the index.

    Returns: the index's rows, those with status "quarantined" among them; the same for any number of workers.
    Raises BusyError where another process extracts the subset, StagewiseError if a worker dies.
    """
    index = index_of(subset, shard)
    with index.journaling(paths.roi_folder(subset)) as journal, WorkerPool(workers) as pool:
        tasks = plan(subset, force, codecs, shard)
        rows = make_all(tasks, extract, journal, pool, (f"extracting {subset}{f' {shard}' * bool(shard)}", "videos"))
        index.write(rows)
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
    return why_unread(error, video)


def index_of(subset: str, shard: Shard | None = None) -> Index:
    """The table of the subset's volumes, or of a shard's, and its journal."""
    return Index(paths.roi_index(subset), ROI_INDEX, f"the extraction of {subset}", shard)


def write_index(subset: str, rows: list[Row]) -> None:
    """The table of the subset's volumes, in the order of the file names."""
    index_of(subset).write(rows)


def _is_whole(task: Extraction) -> bool:
    """Whether the volume is as recorded, and of the video that is there.

    A video that was moved or copied here in place of another one may be older than the volume, but has another size.
    """
    if task.known["status"] != "ok" or not task.volume.exists():
        return False
    video = task.video.stat()
    replaced = task.volume.stat().st_mtime < video.st_mtime or task.known["video_bytes"] != str(video.st_size)
    return not replaced and paths.sha256_of(task.volume) == task.known["sha256"]
