"""Locks that end with their process, however it ends."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from stagewise.files import paths, writers
from stagewise.messages.errors import BusyError


@contextmanager
def owned(lock: Path, what: str, shared: bool = False) -> Iterator[None]:
    """Own what the file `lock` (made if need be, and left there) stands for while the block runs.

    The lock is the kernel's and ends with its process; the file's text names the holder, and on a second line the place
    in which its number counts. What a holder left without releasing it is taken over, saying so. Raises BusyError
    naming `what` and its holder where another process owns it. shared: with all who ask for it so; it names none then.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+b", buffering=0) as file:
        with paths.naming(lock):
            _take(file, lock, what, shared)
        try:
            yield
        finally:
            with suppress(OSError):  # the text alone; the lock goes with the file
                file.truncate(0)


def _holder(file: BinaryIO) -> str:
    for _ in range(20):
        file.seek(0)
        if lines := file.read().decode().splitlines():
            return lines[0]
        time.sleep(0.05)  # it has the lock since a moment ago, and is about to write its name
    return "another process"


def _take(file: BinaryIO, lock: Path, what: str, shared: bool) -> None:
    file.seek(0)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"{what} is in use by {_holder(file)} ({paths.shown(lock)}); wait until it finishes") from None
    if before := file.read().decode().splitlines():
        print(f"{what}: taken over from {before[0]}, {_fate(*before)}", flush=True)
    file.truncate(0)
    if not shared:
        file.write(f"process {os.getpid()} on {platform.node()}\n{writers.place()}\n".encode())


def _fate(name: str, place: str = "", *_: str) -> str:
    """What became of a holder that left its name in a lock which nobody has."""
    if place != writers.place():
        # its number says nothing here, and not every shared file system brings a lock to other machines
        return "which has the lock no more; should it still run there, end one of the two"
    return "which " + ("has the lock no more" if writers.is_running(int(name.split()[1])) else "was killed")
