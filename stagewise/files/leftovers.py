"""Temporary files that a killed process has left behind."""

import os
import re
from pathlib import Path

from stagewise.files.paths import TEMPORARY


def remove_leftovers(folder: Path, alone: bool = False) -> None:
    """Remove temporary files of `replacing` in `folder` whose process is gone.

    Those of running processes stay, and what another program names alike, unless the caller is `alone` in the folder.
    """
    for leftover in folder.glob(f"{TEMPORARY}*"):
        process = re.match(rf"{re.escape(TEMPORARY)}([0-9]{{1,9}})-", leftover.name)
        gone = process and (int(process[1]) == os.getpid() or not _is_running(int(process[1])))
        if (alone or gone) and leftover.is_file():
            leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True
