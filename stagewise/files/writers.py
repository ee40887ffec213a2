"""Who writes a file: one of the processes of many hosts and containers that share a folder.

A process number alone does not tell: two containers have a process 7 each, and neither can ask after the other's.
"""

import hashlib
import os
import platform
import re
import secrets
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".tmp-"  # how the names of files that are being written begin; place, process and a random part follow
BOOT = Path("/proc/sys/kernel/random/boot_id")  # drawn by the kernel when it starts; of another one after a restart
NUMBERS = Path("/proc/self/ns/pid")  # a link that names the space in which this process has its number
OF_A_PLACE = re.compile(rf"{re.escape(TEMPORARY)}([0-9a-f]{{8}})-([0-9]{{1,9}})-[0-9a-f]{{8}}-.")
OF_NO_PLACE = re.compile(rf"{re.escape(TEMPORARY)}(?:[0-9]{{1,9}}|made)-.")  # as earlier versions named them


def place() -> str:
    """Where the number of this process counts, in eight hex digits: others on another host and in another container.

    The host's name is but a part, since containers of one image and cloned machines share it. Not on Linux, it is all.
    """
    facts = [platform.node()]
    for path, read in ((BOOT, Path.read_text), (NUMBERS, os.readlink)):
        with suppress(OSError):
            facts.append(str(read(path)).strip())
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def temporary(path: Path) -> Path:
    """A name beside `path`, with its suffixes, that no process of any host has for a file: 31 bytes longer at most."""
    return path.with_name(f"{TEMPORARY}{place()}-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")


def is_temporary(name: str) -> bool:
    """Whether `temporary` gave the name, here or elsewhere, or did so in an earlier version."""
    return bool(OF_A_PLACE.match(name) or OF_NO_PLACE.match(name))


def is_running_here(name: str) -> bool | None:
    """Whether the process that writes a temporary file runs; None where it cannot be asked after from here.

    This process writes none while it asks: what has its number is of an earlier one.
    """
    if not (written := OF_A_PLACE.match(name)) or written[1] != place():
        return None
    return int(written[2]) != os.getpid() and is_running(int(written[2]))


def is_running(process: int) -> bool:
    """Whether a process of this number runs in this process's place."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True
