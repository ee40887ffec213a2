"""What the processor is, and how much of it this process may use."""

import os
import platform
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from stagewise.machine.control_groups import cpu_quotas

CPUINFO = Path("/proc/cpuinfo")
GRANTED = "STAGEWISE_CPUS"  # the setting of a cluster's worker
X86 = ("x86_64", "AMD64", "i686")
# The kernel's words for what nets gain from, the fastest first, and how the device's line names them.
INSTRUCTION_SETS = {
    "amx_tile": "AMX",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512_vnni": "AVX-512 with VNNI",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "avx": "AVX",
    "sse2": "no AVX",
}


def available_cpus() -> int:
    """How many CPU cores this process may use: those it may run on, or fewer where `granted_cpus` says so."""
    return granted_cpus() or len(cores())


def granted_cpus() -> int | None:
    """The cores that control groups or a scheduler grant, 1 or more; None where that is no limit.

    A part of a core counts as one: with 1.5 granted, two threads are at work for three quarters of the time. Libraries
    count the cores that a process may run on (`taskset`), and know nothing of this; a cluster whose SLURM binds no task
    to its cores shows every job all of the node's.
    """
    known = [*(ceil(quota) for quota in cpu_quotas()), *_of_schedulers()]
    return min(known) if known and min(known) < len(cores()) else None


def _of_schedulers() -> Iterator[int]:
    """The cores that SLURM has granted a task of the job by `--cpus-per-task`, or a Ray cluster one of its workers."""
    for setting in (GRANTED, "SLURM_CPUS_PER_TASK"):
        granted = os.environ.get(setting, "")
        if granted.isascii() and granted.isdecimal() and int(granted):
            yield int(granted)


def cores() -> list[int]:
    """The numbers of the cores that this process may run on, as `taskset` and schedulers choose them."""
    return sorted(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def instruction_set() -> str:
    """The largest vector instructions of the processor, such as "AVX2"; its architecture where that says enough."""
    flags = _flags()
    known = (name for flag, name in INSTRUCTION_SETS.items() if flag in flags)
    return next(known, platform.machine())


def lacks_avx() -> bool:
    """Whether this is an x86 processor without AVX, on which TensorFlow and JAX cannot run; unknown counts as no."""
    return instruction_set() == INSTRUCTION_SETS["sse2"]


def is_x86() -> bool:
    """Whether this is an Intel or AMD processor, or one that does as they do."""
    return platform.machine() in X86


def _flags() -> list[str]:
    """The features of the first processor in the kernel's list; none where there is no such list, as on macOS."""
    if not is_x86() or not CPUINFO.exists():
        return []
    lines = CPUINFO.read_text().splitlines()
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
