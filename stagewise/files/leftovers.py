"""Temporary files that a killed process has left behind."""

import time
from contextlib import suppress
from pathlib import Path

from stagewise.files.writers import TEMPORARY, is_running_here, is_temporary

OLD = 24 * 3600  # seconds since its last change after which nobody writes a file any more, ours


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of `replacing` in `folder` whose process is gone.

    Those of running processes stay, those of another host or container until they are `OLD`, since nobody here can tell
    whether their process runs, and what another program names alike.
    """
    for leftover in folder.glob(f"{TEMPORARY}*"):
        with suppress(FileNotFoundError):  # its writer, or another process that removes leftovers, was faster
            if is_temporary(leftover.name) and leftover.is_file() and _is_left(leftover):
                leftover.unlink()


def _is_left(file: Path) -> bool:
    running = is_running_here(file.name)
    return time.time() - file.stat().st_mtime > OLD if running is None else not running
