"""Packing a folder's volumes into one file: it goes on after an interruption, and takes over what was packed before.

What is in the unfinished file counts where its sha256 is the one wanted, as a volume in the folder does: so an
interruption, a damaged file, and an index that changed meanwhile are one and the same to it.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import lmdb
from lmdb.verify import VerifyError, verify

from stagewise.files import paths
from stagewise.messages.errors import StagewiseError
from stagewise.messages.progress import progress
from stagewise.volumes.lmdb_file import LmdbFileError
from stagewise.volumes.packed import INDEX_SHA256, Pack, PackError
from stagewise.volumes.pklz import CHUNK, LARGEST_BYTES, VolumeError

FIRST_MAP = 1 << 20  # bytes; doubled whenever they are full, so that the whole need not be known or reserved
BATCH = 1 << 26  # bytes a transaction: flushed to the disk, and what an interruption costs at most
MOST_CHUNKS = LARGEST_BYTES // CHUNK * 33 // 32  # gzip makes noise longer, by less than that
UNMAPPED = (errno.ENODEV, errno.EINVAL, errno.EPERM)  # how file systems say that they do not map a file


def unfinished_pack(folder: Path) -> Path:
    """The file that a folder's volumes are packed into until all are there; nothing reads volumes from it."""
    pack = paths.packed_volumes(folder)
    return pack.with_name(f"{pack.name}.unfinished")


def pack_volumes(folder: Path, wanted: Mapping[str, str], index_sha256: str) -> int:
    """Pack the volumes of a folder, where another process does not do so.

    wanted: sha256 of each volume's file by its name; index_sha256: of the table that says so.
    Returns: how many were in the unfinished file already. Raises VolumeError naming one that is nowhere as wanted,
    OSError where the disk is full or fails, StagewiseError where its file system does not map files.
    """
    path, earlier = unfinished_pack(folder), _earlier(folder)
    held = _held(path, wanted)
    missing = [name for name in wanted if name not in held]
    _require_there(folder, missing, earlier)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _environment(path) as environment, progress(len(missing), f"packing {folder.name}", "volumes") as line:
        _write(environment, [(key, None) for key in _keys(environment) if key.decode() not in wanted])
        contents = ((name, _content(folder / name, wanted[name], earlier)) for name in missing)
        for entries in _batches(contents):
            _write(environment, entries)
            line.advance(len(entries))
        _write(environment, [(INDEX_SHA256, index_sha256.encode())])
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if path.stat().st_size < needed:  # pages at the end that were free again before they were written
        os.truncate(path, needed)
    paths.put_in_place(path, paths.packed_volumes(folder))
    return len(held)


def _earlier(folder: Path) -> Pack | None:
    """What was packed before, of these or of other volumes; None where nothing was, or nothing that can be read."""
    with suppress(FileNotFoundError, PackError):
        return Pack(paths.packed_volumes(folder))
    return None


def _held(path: Path, wanted: Mapping[str, str]) -> set[str]:
    """The volumes that an unfinished file holds as they are wanted; one that is damaged is removed."""
    if not path.exists():
        return set()
    try:
        with paths.naming(path):
            damage = verify(path)
        if damage:  # the library that goes on with it takes its pages on trust
            raise LmdbFileError
        pack = Pack(path)
        names = sorted(pack.names() & wanted.keys())
        with progress(len(names), "checking what was packed", "volumes", kept=False) as line:
            return {name for name in names if _sha256(pack, name, line.advance) == wanted[name]}
    except (VerifyError, LmdbFileError, PackError):
        print(f"{paths.shown(path)} is damaged, and begun anew")
        path.unlink()
        return set()


def _sha256(pack: Pack, name: str, advance: Callable[[], None]) -> str:
    advance()
    with pack.open(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_there(folder: Path, names: Sequence[str], earlier: Pack | None) -> None:
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    with suppress(PackError):
        there |= earlier.names() if earlier else set()
    if missing := [name for name in names if name not in there]:
        others = f", nor are {len(missing) - 1} others" if len(missing) > 1 else ""
        raise VolumeError(folder / missing[0], f"is not there{others}")


def _content(volume: Path, sha256: str, earlier: Pack | None) -> bytes:
    """The volume's file as it is wanted, from its folder or from what was packed before."""
    problem = "is not there"
    for opened in (partial(volume.open, "rb"), *([partial(earlier.open, volume.name)] if earlier else [])):
        with suppress(FileNotFoundError, LmdbFileError), paths.naming(volume):
            content = _read(opened())
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
            problem = "changed since its extraction"
    raise VolumeError(volume, problem)


def _read(file: BinaryIO) -> bytes:
    with file:
        return b"".join(islice(iter(partial(file.read, CHUNK), b""), MOST_CHUNKS))


def _batches(contents: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Keys and values, so many at a time that they come to `BATCH` bytes."""
    entries, size = [], 0
    for name, content in contents:
        key = name.encode()
        entries.append((key, key + content))
        size += len(content)
        if size >= BATCH:
            yield entries
            entries, size = [], 0
    if entries:
        yield entries


def _keys(environment: lmdb.Environment) -> list[bytes]:
    with environment.begin() as transaction:
        return list(transaction.cursor().iternext(values=False))


def _write(environment: lmdb.Environment, entries: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Put values, or remove keys that have none, in one transaction; in a larger map where they do not fit."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in entries:
                    if value is None:
                        transaction.delete(key)
                    else:
                        transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])


@contextmanager
def _environment(path: Path) -> Iterator[lmdb.Environment]:
    """The file, open for writing. Without LMDB's own locks, since the caller has one, and nothing reads it yet."""
    try:
        environment = lmdb.open(str(path), subdir=False, lock=False, map_size=FIRST_MAP)
    except lmdb.Error as error:
        if error.code in UNMAPPED:
            raise StagewiseError(
                f"the file system of {paths.shown(path)} maps no files into memory ({error}), which LMDB needs to "
                "write one; put STAGEWISE_ROOT on another one, or go on without packed volumes"
            ) from error
        raise _of_system(error, path) from error
    try:
        yield environment
    except lmdb.Error as error:
        raise _of_system(error, path) from error
    finally:
        environment.close()


def _of_system(error: lmdb.Error, path: Path) -> Exception:
    """What the system said, as Python's files say it."""
    number = error.code
    if number == errno.EIO and shutil.disk_usage(path.parent).free < BATCH:
        number = errno.ENOSPC  # LMDB calls a write that ends halfway a read or write error
    if number in errno.errorcode:
        return OSError(number, os.strerror(number), str(path))
    return StagewiseError(f"{paths.shown(path)}: {error}; delete it, and run the same command again")
