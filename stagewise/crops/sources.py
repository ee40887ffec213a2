"""Where the videos to extract are, and which of them: a folder's or a bucket's, all or those of a table."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.crops import input_videos
from stagewise.files import paths
from stagewise.files.names import is_video
from stagewise.messages.errors import InputError

if TYPE_CHECKING:  # the bucket's client, which a folder does without
    from stagewise.crops.storage import Bucket, Stored

NAMES_MEND = "it must have a column filename, with a row a video"


@dataclass
class Source:
    """Where the videos are. bucket: None for the folders of `paths.videos_folder`; only: the names that are asked for.

    What a bucket lists is asked for once.
    """

    bucket: "Bucket | None" = None
    only: frozenset[str] | None = None
    listings: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)

    def where(self, subset: str) -> str:
        """The place of a subset's videos, for messages."""
        return self.bucket.address(subset) if self.bucket else paths.shown(paths.videos_folder(subset))

    def subsets(self) -> tuple[str, ...]:
        """`train` and `test`, or the one of them that holds anything; a bucket's table of metadata says so, too."""
        if not self.bucket:
            return input_videos.subsets_there()
        there = [subset for subset in paths.SUBSETS if _metadata(subset).exists() or self._listed(subset)]
        return tuple(there) or paths.SUBSETS

    def videos(self, subset: str, compared: bool = False) -> "list[Path | Stored]":
        """The videos asked for, by name. compared: whether a bucket's must have their etag, for volumes made before.

        Raises InputError where there is none, or no such one as a table names.
        """
        if self.bucket:
            return self._stored(subset, compared)
        return [video for video in input_videos.list_videos(subset) if self._asks_for(video.name)]

    def passed_over(self, subset: str) -> list[str]:
        """What else lies there, a line a kind; of a bucket, where it was listed."""
        if not self.bucket:
            return input_videos.passed_over(subset)
        others = [name for name in self.listings.get(subset, ()) if not _is_video(name)]
        kept = f"{len(others)} objects that are no videos by their names, or lie deeper ({input_videos.shown(others)})"
        return [kept] * bool(others)

    def require_all(self, videos: "Iterable[Path | Stored]", table: Path, subsets: Sequence[str]) -> None:
        """Raise InputError where the table `only` names more than these videos, of these subsets."""
        absent = sorted(self.only - {form for video in videos for form in _forms(video.name)})
        if absent:
            raise InputError(
                f"{paths.shown(table)}: {len(absent)} of its names, first {absent[0]!r}, are no videos in "
                f"{' or '.join(map(self.where, subsets))}; take them out, or put the videos there"
            )

    def _asks_for(self, name: str) -> bool:
        return self.only is None or bool(_forms(name) & self.only)

    def _listed(self, subset: str) -> dict[str, tuple[str, int]]:
        if subset not in self.listings:
            self.listings[subset] = self.bucket.listed(subset)
        return self.listings[subset]

    def _stored(self, subset: str, compared: bool) -> "list[Stored]":
        from stagewise.crops.storage import Stored

        in_table = set(_names_in(_metadata(subset)))  # r02 tells of those that stand there twice
        names = in_table or set(filter(_is_video, self._listed(subset)))
        if not names:
            raise InputError(f"no videos in {self.where(subset)}; correct --input: they must lie in its {subset}/")
        names = sorted(filter(self._asks_for, names))  # before they are compared: the bucket may have these alone
        if compared and names:
            listed = self._listed(subset)
            if absent := [name for name in names if name not in listed]:
                table = paths.shown(_metadata(subset))
                raise InputError(
                    f"{len(absent)} videos of {table}, first {absent[0]}, are not in {self.where(subset)}; "
                    "correct --input or that table, or choose others: --only CSV"
                )
        found = self.listings.get(subset, {})
        return [Stored(self.bucket, f"{subset}/{name}", *found.get(name, ())) for name in names]


def source_of(asked: str | None, unsigned: bool, only: Path | None) -> Source:
    """What `--input`, `--unsigned` and `--only` ask for; without an input, what `STAGEWISE_INPUT` does.

    A folder is put into that setting, by which every other reader of the folders finds it. Raises InputError.
    """
    asked = asked or os.environ.get(paths.INPUT) or ""
    names = None if only is None else frozenset(read_names(only))
    if asked.startswith(paths.BUCKET):
        from stagewise.crops.storage import Bucket

        bucket = Bucket(asked, unsigned)
        bucket.require_signer()
        return Source(bucket, names)
    if unsigned:
        raise InputError(f"--unsigned is for buckets; leave it out, or give --input {paths.BUCKET}bucket/prefix")
    if "://" in asked:
        raise InputError(
            f"{asked!r}, as --input or {paths.INPUT} names it, is no place that can be read; give a folder, or "
            f"{paths.BUCKET}bucket/prefix"
        )
    if asked:
        os.environ[paths.INPUT] = asked
    return Source(None, names)


def read_names(table: Path) -> list[str]:
    """The column filename of a table. Raises InputError."""
    from stagewise.files.csv_text import read_cells

    cells = read_cells(table, NAMES_MEND, NAMES_MEND, only=("filename",))
    if "filename" not in cells and len(cells.columns) == 1:
        cells = cells.rename(columns=str.casefold)
    if "filename" not in cells or cells.empty:
        raise InputError(f"{paths.shown(table)} has no column filename, or no row; {NAMES_MEND}")
    return cells["filename"].tolist()


def _names_in(table: Path) -> list[str]:
    """The videos that a table names; none without it, and where a name has no suffix, which a listing has to tell."""
    names = read_names(table) if table.exists() else []
    return names if all(map(is_video, names)) else []


def _metadata(subset: str) -> Path:
    return paths.input_folder() / f"{subset}_metadata.csv"


def _forms(name: str) -> frozenset[str]:
    """How a table may spell a video's name: with its suffix, or without."""
    return frozenset((name, name[: name.rindex(".")]))


def _is_video(name: str) -> bool:
    return is_video(name) and "/" not in name and not name.startswith(".")
