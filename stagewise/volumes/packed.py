"""A folder's volumes packed into one LMDB file beside it: `roi_parts/train.lmdb` for `roi_parts/train/`.

Where that file is there it is what is read, and the folder may be empty or absent. Under the name of a volume's file
lies that name again, which finds a damaged page that leads to another volume, and then the file's content as it is.
A file is packed under another name, and never changed once it has its own: what reads it goes on with what it opened.
"""

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from stagewise.files import paths
from stagewise.messages.commands import PACK
from stagewise.messages.errors import InputError
from stagewise.volumes.lmdb_file import LmdbFile, LmdbFileError

INDEX_SHA256 = b"sha256 of the index"  # the key of what says that all is packed; a volume's name ends with .pklz


class PackError(InputError):
    """Packed volumes that cannot be used as a whole; `reason` says why, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # by which a worker's error is made again in the process that waits for it
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"packed volumes {paths.shown(self.path)}: {self.reason}; {mend(self.path)}"


def mend(pack: Path) -> str:
    """What helps where packed volumes are damaged."""
    return f"copy the file again, or run: {PACK} {pack.stem} --force"


class Stored(io.RawIOBase):
    """A stretch of a file, as a file of its own; never more of it in memory than is asked for."""

    def __init__(self, file: LmdbFile, start: int, size: int) -> None:
        super().__init__()
        self.file, self.at, self.end = file, start, start + size

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size` of them; none at the end."""
        left = self.end - self.at
        content = self.file.read(self.at, left if size < 0 else min(size, left))
        self.at += len(content)
        return content

    def readable(self) -> bool:
        """True, which whoever hashes it asks."""
        return True

    def readinto(self, room: memoryview) -> int:
        """As of every file that is open for reading."""
        content = self.read(len(room))
        room[: len(content)] = content
        return len(content)


class Pack:
    """A packed file, open: the volumes' files by their names.

    index_sha256: of the extraction's table that it was packed by, None where it was not packed to its end.
    Raises PackError where the file is no packed one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._naming_damage():
            self.file = LmdbFile(path)
            found = self.file.find(INDEX_SHA256)
            self.index_sha256 = found and self.file.read(*found).decode("ascii", "replace")

    def open(self, name: str) -> BinaryIO:
        """The volume's file of that name. Raises FileNotFoundError, LmdbFileError."""
        key = name.encode()
        found = self.file.find(key)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path / name))
        start, size = found
        self.file.announce(start, size)
        if size < len(key) or self.file.read(start, len(key)) != key:
            raise LmdbFileError("lies under another name")
        return Stored(self.file, start + len(key), size - len(key))

    def names(self) -> set[str]:
        """The names of all volumes' files."""
        with self._naming_damage():
            return {key.decode("utf-8", "replace") for key in self.file if key != INDEX_SHA256}

    @contextmanager
    def _naming_damage(self) -> Iterator[None]:
        try:
            yield
        except LmdbFileError as error:
            raise PackError(self.path, str(error)) from error


def pack_beside(folder: Path) -> Pack | None:
    """The packed volumes of a folder, opened once a process; None where they were not packed.

    Raises PackError where they are not whole.
    """
    path = paths.packed_volumes(folder)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    pack = _opened(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    if pack.index_sha256 is None:
        raise PackError(path, "was not packed to its end")
    return pack


@lru_cache(maxsize=4)
def _opened(path: Path, identity: tuple[int, ...]) -> Pack:  # packed again, it is another file
    return Pack(path)


def current_pack(subset: str) -> Pack | None:
    """The packed volumes of `train` or `test`, where the extraction's table is still the one that they were packed by.

    None where they were not packed. Raises PackError, and InputError where videos were extracted since.
    """
    pack, index = pack_beside(paths.roi_folder(subset)), paths.roi_index(subset)
    if pack and index.exists() and paths.sha256_of(index) != pack.index_sha256:
        shown = paths.shown(pack.path)
        raise InputError(
            f"packed volumes {shown} are not those of {paths.shown(index)}, which was written anew since; "
            f"run: {PACK} {subset}"
        )
    return pack


def open_volume(path: Path) -> BinaryIO:
    """The volume's file, from the packed ones where these are there. Raises FileNotFoundError, LmdbFileError."""
    pack = pack_beside(path.parent)
    return pack.open(path.name) if pack else path.open("rb")


def stored_at(path: Path) -> Path:
    """Where the volume's file is read from, for a message: itself, or its name below that of the packed ones."""
    pack = paths.packed_volumes(path.parent)
    return pack / path.name if pack.exists() else path


def volume_files(folder: Path) -> set[str]:
    """The names of a folder's volumes' files, packed or not."""
    pack = pack_beside(folder)
    return pack.names() if pack else {path.name for path in folder.glob("[!.]*.pklz")}


def told(volumes: Sequence[Path]) -> str:
    """What a plan adds of where its volumes are read from, on a line of its own: nothing where they are files."""
    pack = pack_beside(volumes[0].parent) if volumes else None
    return f"\n  volumes: {paths.shown(pack.path)}" if pack else ""
