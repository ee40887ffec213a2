"""Locks that end with their process, however it ends."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stagewise import paths
from stagewise.errors import BusyError


@contextmanager
def owned(lock: Path, what: str) -> Iterator[None]:
    """Own what the file `lock` (made if need be, and left there) stands for while the block runs.

    Raises BusyError naming `what` and its holder where another process owns it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BusyError(f"{what} is in the hands of {holder} ({paths.shown(lock)}); wait for its end") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield
