"""Which GPUs the machine has, and which of them the environment shows; before any backend is loaded."""

import os
import sys
from pathlib import Path

from stagewise.messages.errors import InputError

NONE = "none"  # `--gpu none`: the CPU, whatever GPUs there are
Choice = int | str | None  # of `--gpu`: a number, `NONE`, or what the backend finds
VISIBLE = "CUDA_VISIBLE_DEVICES"
NVIDIA_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")  # the last one in Windows' Linux
NVIDIA_NUMBERED = Path("/dev/nvidia[0-9]*")  # one for each GPU; Windows' Linux has none of these
AMD_FILE = "/dev/kfd"


def maker() -> str | None:
    """Whose GPU the machine has, be it of use to the installed packages or not: "NVIDIA", "AMD" or None."""
    if any(Path(file).exists() for file in NVIDIA_FILES):
        return "NVIDIA"
    return "AMD" if Path(AMD_FILE).exists() else None


def count() -> int:
    """How many GPUs this process may look for, be they of use to the installed packages or not."""
    if maker() is None:
        return 0
    shown = visible()
    if shown is not None:
        return len(shown)
    return max(1, len(list(NVIDIA_NUMBERED.parent.glob(NVIDIA_NUMBERED.name))))


def has_gpu() -> bool:
    """Whether the machine has a GPU that this process may look for."""
    return maker() is not None and visible() != []


def visible() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES shows, each by its number or name ("3", "MIG-...", "GPU-..."); None where it is unset.

    CUDA ignores what follows the first word that names no GPU, such as -1, or the NoDevFiles of some schedulers.
    """
    if VISIBLE not in os.environ:
        return None
    shown = []
    for word in os.environ[VISIBLE].split(","):
        if not (word.strip().isdecimal() or word.strip().startswith(("GPU-", "MIG-"))):
            break
        shown.append(word.strip())
    return shown


def show_only(gpu: int | str) -> None:
    """Hide all GPUs but one, or all of them (`NONE`), from the backend, which reads the environment as it loads.

    gpu: as `settings` counts. Raises InputError as that does.
    """
    if "keras" in sys.modules:
        raise RuntimeError("device.prepare(gpu) must be called before Keras is imported")
    os.environ.update(settings(gpu))


def settings(gpu: int | str) -> dict[str, str]:
    """The environment variables that show one GPU alone, or none.

    gpu: as nvidia-smi counts, or, where CUDA_VISIBLE_DEVICES is set, its place in that list, from 0: a scheduler's
    choice stays. Raises InputError where the list is too short.
    """
    shown = visible()
    if gpu == NONE:
        return {VISIBLE: "-1"}
    if shown is None:
        return {VISIBLE: str(gpu), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # CUDA's own order puts the fastest first
    given = f"{VISIBLE}={os.environ[VISIBLE]} shows {len(shown) or 'none'} of the machine's GPUs"
    if not shown:
        raise InputError(
            f"{given}, and --gpu {gpu} asks for one; ask the scheduler for a GPU, or run: unset {VISIBLE}; to use the "
            "CPU, give --gpu none"
        )
    if gpu >= len(shown):
        raise InputError(
            f"{given}, which --gpu counts from 0, and --gpu {gpu} asks for another; give --gpu {len(shown) - 1} or "
            f"less, or run: unset {VISIBLE}"
        )
    return {"CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), VISIBLE: shown[gpu]}
