"""The last lines of a numbered script: what it wrote, and the command that goes on from there."""

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path

from stagewise.console.cli import OPTIONS
from stagewise.files import paths

CARRIED = {  # what a script takes over from the one before it, where it was given there
    "r01_extract_roi.py": ("workers",),
    "r02_verify_data.py": ("workers",),
    "r31_train.py": ("preset", "split", "fold", "gpu", "workers", "memory", "seed"),
    "r41_process_oof.py": ("split", "fold", "gpu", "workers", "seed"),
    "r42_process_test.py": ("split", "fold", "gpu", "workers", "engine"),
    "r51_report.py": ("split", "fold", "gpu", "engine"),
}


def ending(written: Iterable[Path], following: str | None) -> str:
    """The lines: `wrote` the files and folders, and `next:` the command that follows, where there are any."""
    shown = ", ".join(map(paths.shown, written))
    return "\n".join([f"wrote {shown}"] * bool(shown) + [f"next: {following}"] * bool(following))


def command(script: str, before: argparse.Namespace | None = None, *more: str) -> str:
    """The command of a script, with the options of the script `before` that it takes over, and `more` of its own."""
    words = [script, *more]
    for option in CARRIED.get(Path(script).name, ()):
        known = OPTIONS[option]
        given = getattr(before, known.get("dest", option), None)
        if given is not None and given != known.get("default"):
            for value in given if isinstance(given, list) else [given]:
                words += [f"--{option}", str(value)]
    return f"python {shlex.join(words)}"


def first_training(before: argparse.Namespace) -> str:
    """What follows when the data and the split are there: r04 where the full recipe lacks its start, else stage 1."""
    stage = "net_d121_stage1/r31_train.py"
    if (paths.input_folder() / "phantom_test_labels.csv").exists():
        return command(stage, before, "--preset", "demo", "--init", "random")
    if not paths.imagenet_weights().exists():
        return command("preproc_data/r04_inflate_imagenet.py")
    return command(stage, before)
