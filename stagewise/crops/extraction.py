"""Extraction of many videos: parallel, resumable, and never trusting a file that it cannot prove whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.crops.roi import extract_roi
from stagewise.crops.roi_index import LATER, ROI_INDEX, ROI_SIZES
from stagewise.crops.sources import Source
from stagewise.files import paths
from stagewise.files.journals import Index, why_unread
from stagewise.files.names import require_video_name
from stagewise.files.rows import Row
from stagewise.files.shards import Shard
from stagewise.machine.cluster_pool import pool_of
from stagewise.machine.making import make_all
from stagewise.video.codecs import CODECS
from stagewise.video.decoding import VideoError
from stagewise.video.held import Held, Video
from stagewise.volumes.pklz import save_volume

if TYPE_CHECKING:  # the bucket's client, which a folder does without
    from stagewise.crops.storage import Stored


@dataclass(frozen=True)
class Extraction:
    """One video to extract; `known` is what an earlier run wrote down about it, `codecs` what may be decoded."""

    video: "Video | Stored"
    volume: Path
    known: Row | None = None
    codecs: tuple[str, ...] = CODECS

    def made(self, row: Row) -> tuple[Path, ...]:
        """The volume."""
        return (self.volume,)

    def __str__(self) -> str:
        return paths.shown(self.video) if isinstance(self.video, Path) else str(self.video)


@dataclass(frozen=True)
class Plan(Sequence[Extraction]):
    """A subset's videos to extract, each put together when it is asked for: half a million are too many to hold."""

    subset: str
    videos: "Sequence[Path | Stored]"
    known: Mapping[str, Row]
    codecs: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, place: int) -> Extraction:
        video = self.videos[place]
        volume = paths.volume_path(self.subset, video.name)
        return Extraction(video, volume, self.known.get(video.name), self.codecs)


def plan(
    subset: str,
    force: bool = False,
    codecs: tuple[str, ...] = CODECS,
    source: Source | None = None,
    shard: Shard | None = None,
) -> Sequence[Extraction]:
    """What extraction has to do; with `force` nothing that is there counts.

    codecs: those that may be decoded; source: of `extract_subset`; shard: whose videos are meant, None for all.
    """
    known, source = {} if force else index_of(subset).known_rows(), source or Source()
    videos = source.videos(subset, compared=bool(known))
    if shard:
        videos = [video for video in videos if shard.has(video.name)]
    for video in videos:
        require_video_name(video.name, source.where(subset))
    return Plan(subset, videos, known, codecs)


def extract_subset(
    subset: str,
    workers: int | None,
    force: bool = False,
    codecs: tuple[str, ...] = CODECS,
    source: Source | None = None,
    shard: Shard | None = None,
    cluster: str | None = None,
) -> Sequence[Row]:
    """Extract every video of `train` or `test`, or of a shard, and write the index, or the shard's part of it.

    workers, cluster: of `pool_of`; codecs: those that may be decoded. What shards wrote counts as what an earlier run
    wrote, and goes with the index.

    source: where they are, by default in the folders. Where it asks for some of them alone, the index keeps its rows of
    the others. Returns: the rows of those that were asked for, with status "quarantined" among them; the same for any
    number of workers. Raises BusyError where another process extracts the subset, StagewiseError if a worker dies.
    """
    index, source = index_of(subset, shard), source or Source()
    with index.journaling(paths.roi_folder(subset)) as journal, pool_of(workers, cluster) as pool:
        if cluster:
            print(pool, flush=True)
        tasks, make = plan(subset, force, codecs, source, shard), extract
        if source.bucket or cluster:
            from stagewise.crops import fetching

            make, pool = fetching.extract_batch, fetching.BatchPool(pool)
        rows = make_all(tasks, make, journal, pool, (f"extracting {subset}{f' {shard}' * bool(shard)}", "videos"))
        index.write(rows if source.only is None or shard else _beside_others(rows, index.known_rows()))
    return rows


def extract(task: Extraction) -> Row:
    """Make one volume, or keep it if it is whole and of its video; a bad video leaves no volume.

    The volume may not be on the disk yet. Until it is whole, the one of before stays: on a cluster, that may be what
    another worker has just made, and noted. Raises OSError where more than this one video cannot be read or written.
    """
    try:
        with paths.naming(task.video):
            if is_whole(task):
                return task.known
            held = isinstance(task.video, Held)
            video_bytes = len(task.video.content) if held else task.video.stat().st_size
            roi = extract_roi(task.video, task.codecs)
    except (VideoError, OSError) as error:
        return quarantined(task, _reason(error, task.video))
    sizes = (*roi.volume.shape[:3], *roi.box, roi.frames_with_outline, video_bytes)
    found = dict(zip(ROI_SIZES, map(str, sizes), strict=True)) | {"etag": task.video.etag if held else ""}
    sha256 = save_volume(task.volume, roi.volume, durable=False)
    return {"filename": task.video.name, **found, "status": "ok", "sha256": sha256, "reason": roi.reason}


def quarantined(task: Extraction, reason: str) -> Row:
    """The row of a video that is set aside, which leaves no volume."""
    task.volume.unlink(missing_ok=True)
    row = dict.fromkeys(ROI_INDEX, "0") | {"filename": task.video.name, "sha256": "", "etag": ""}
    return row | {"status": "quarantined", "reason": " ".join(reason.split())}


def _reason(error: VideoError | OSError, video: Video) -> str:
    """Why the video is set aside. Raises the error where it is not this one video's: a disk or a mount that fails."""
    if isinstance(error, VideoError):
        return error.reason
    return why_unread(error, video)


def _beside_others(rows: Sequence[Row], known: Mapping[str, Row]) -> Iterator[Row]:
    """These rows, and those of other videos that are known, by name."""
    asked = {row["filename"]: place for place, row in enumerate(rows)}
    for name in sorted({*asked, *known}):
        yield rows[asked[name]] if name in asked else known[name]


def index_of(subset: str, shard: Shard | None = None) -> Index:
    """The table of the subset's volumes, or of a shard's, and its journal."""
    return Index(paths.roi_index(subset), ROI_INDEX, f"the extraction of {subset}", shard, LATER)


def write_index(subset: str, rows: list[Row]) -> None:
    """The table of the subset's volumes, in the order of the file names."""
    index_of(subset).write(rows)


def is_whole(task: Extraction) -> bool:
    """Whether the volume is as recorded, and of the video that is there: of a file, or of an object by its etag.

    A video that was moved or copied here in place of another one may be older than the volume, but has another size.
    """
    if not task.known or task.known["status"] != "ok" or not task.volume.exists():
        return False
    if isinstance(task.video, Path):
        video = task.video.stat()
        same = task.volume.stat().st_mtime >= video.st_mtime and task.known["video_bytes"] == str(video.st_size)
        same = same and not task.known["etag"]
    else:
        same = task.video.etag and task.known["etag"] == task.video.etag
    return same and paths.sha256_of(task.volume) == task.known["sha256"]
