"""The control groups around this process, by which containers and schedulers limit what it may take.

Of version 2, and of version 1 where CPUs are limited by it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

FOLDER, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # where groups are; this process's, by name


def groups(controller: str = "") -> list[Path]:
    """The control group of this process and those around it, any of which may have a limit.

    controller: of version 1, such as "cpu", whose hierarchy is meant; "": of version 2.
    """
    with contextlib.suppress(OSError):
        for line in OWN.read_text().splitlines():  # such as `4:cpu,cpuacct:/outer/inner` and `0::/outer/inner`
            _, controllers, name = line.split(":", 2)
            if controller in controllers.split(","):
                top = FOLDER / controller if controller else FOLDER
                own = top / name.lstrip("/")
                return [group for group in (own, *own.parents) if group.is_relative_to(top)]
    return []


def cpu_quotas() -> Iterator[float]:
    """The CPUs that each of these groups grants, such as 0.5; nothing from those without a limit."""
    for group in groups():
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
            granted, period = (group / "cpu.max").read_text().split()
            yield int(granted) / int(period)
    for group in groups("cpu"):
        with contextlib.suppress(OSError):
            granted, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
            if granted > 0:  # -1 where there is no limit
                yield granted / period
