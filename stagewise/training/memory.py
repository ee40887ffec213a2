"""A cap on the memory of a training: it ends with a message where the system would kill something without one.

Limits of the kernel do not serve: RLIMIT_AS counts what CUDA and TensorFlow reserve and never touch, and what an
allocation that it refuses does to their C++ is an abort. What is resident is looked at ten times a second instead,
and the process ends at the cap as a kill would end it, which no file here minds.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from stagewise.console.run_log import LOGGER
from stagewise.files import paths
from stagewise.machine.control_groups import groups
from stagewise.messages.errors import StagewiseError, way_on
from stagewise.training.footprint import GIBIBYTE, Footprint, size

SHARE = 0.9  # of what is free, as the cap: the page cache and others need some
INTERVAL = 0.1  # seconds; a GB can come in that time
MEMINFO = Path("/proc/meminfo")


def free() -> float | None:
    """Bytes of RAM that this process may still take; None if unknown.

    The least of what the machine has and what the control groups (version 2) around the process leave.
    """
    known = []
    with contextlib.suppress(OSError):
        lines = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        known.append(1024 * int(lines["MemAvailable"].split()[0]))
    for group in groups():
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
            known.append(_room_in(group))
    return min(known, default=None)


def _room_in(group: Path) -> int:
    """What a control group leaves, in bytes: its page cache counts as used, and goes where memory gets short."""
    limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
    numbers = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return limit - used + int(numbers["inactive_file"]) + int(numbers["active_file"])


def resident() -> int:
    """Bytes in RAM of this process and its children."""
    return sum(_resident_of(process) for process in ("self", *children()))


def children() -> list[str]:
    """The numbers of the processes that this one has started."""
    files = Path("/proc/self/task").glob("*/children")  # a file a thread
    return [process for file in files for process in _words(file)]


def _resident_of(process: str) -> int:
    return sum(map(int, _words(Path(f"/proc/{process}/statm"))[1:2])) * os.sysconf("SC_PAGE_SIZE")


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:  # that thread or process has just ended
        return []


def require(needed: Footprint, folders: Sequence[Path], gibibytes: float | None, on_gpu: bool) -> None:
    """Check that the machine has what the training needs, print the cap, and end the process where it is passed.

    folders: of the folds that are to be trained, 1 or more, one after the other, so that one at a time has resume
    states; gibibytes: the cap; None for 90 % of what is free. Raises StagewiseError where the need is above it, or
    above what the disk has.
    """
    _require_disk(_lacking(needed, folders), paths.models_folder())
    room = free()
    if gibibytes is None and room is None:
        print("memory: no cap, since this system does not say what is free", flush=True)
        return
    cap = gibibytes * GIBIBYTE if gibibytes else SHARE * (room + resident())
    if needed.ram > cap and not on_gpu:
        raise StagewiseError(
            f"the training needs {needed}, and its cap is {cap / GIBIBYTE:.1f} GiB of RAM; use fewer --workers, "
            "raise the cap with --memory, or lower batch_size on the recipe's page"
        )
    print(f"memory: {needed}; ends at {cap / GIBIBYTE:.1f} GiB of RAM", flush=True)
    threading.Thread(target=_watch, args=(cap,), daemon=True).start()


def _lacking(needed: Footprint, folders: Sequence[Path]) -> float:
    """The most bytes, of all folds, that must be free while one trains and those before it are finished.

    What their folders hold is a part of the need: of a fold that goes on, or removed by --force before it trains.
    """
    held = accumulate(map(_held, folders))
    return max(needed.disk + number * needed.kept - there for number, there in enumerate(held))


def _held(folder: Path) -> int:
    held = 0
    for entry in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process may train there, and remove it
            held += entry.lstat().st_size
    return held


def _require_disk(needed: float, folder: Path) -> None:
    left = shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.exists())).free
    if needed > left:
        raise StagewiseError(
            f"the training needs about {size(needed)} more in {paths.shown(folder)}, and {size(left)} are free there; "
            "free some, or choose another place with STAGEWISE_ROOT"
        )


def _watch(cap: float) -> None:
    while (used := resident()) <= cap:
        time.sleep(INTERVAL)
    message = (
        f"error: memory has come to {used / GIBIBYTE:.1f} GiB, and the cap is {cap / GIBIBYTE:.1f} GiB; use fewer "
        f"--workers, or raise it with --memory; {way_on()}"
    )
    print(message, file=sys.stderr, flush=True)
    LOGGER.error(message)
    os._exit(1)  # from a thread, while the net may be deep in its C++
