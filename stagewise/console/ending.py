"""The last lines of a numbered script: what it wrote, and the command that goes on from there."""

import argparse
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from stagewise.console.cli import OPTIONS
from stagewise.files import paths
from stagewise.messages.commands import TRAIN, script_of
from stagewise.messages.errors import InputError, QuarantinedError, way_on

# what a script, by how its name begins, or its folder's and its own, takes over from the one before it, where it was
# given there; the first that fits
CARRIED = {
    "pneumothorax/r51": ("split", "fold"),  # what it shows is stored
    "pneumothorax/r61": ("split", "fold", "workers"),
    "r01": ("workers",),
    "r02": ("workers",),
    "r3": ("preset", "split", "fold", "gpu", "workers", "memory", "seed"),
    "r41": ("split", "fold", "gpu", "workers", "seed"),
    "r42": ("split", "fold", "gpu", "workers", "engine"),
    "r51": ("split", "fold", "gpu", "engine"),
}


def ending(written: Iterable[Path], following: str | None) -> str:
    """The lines: `wrote` the files and folders, and `next:` the command that follows, where there are any."""
    shown = ", ".join(map(paths.shown, written))
    return "\n".join([f"wrote {shown}"] * bool(shown) + [f"next: {following}"] * bool(following))


def end_quarantined(last_lines: str, problems: Sequence[str], what: str, keep_going: bool) -> None:
    """Print the last lines; an error with them where inputs were set aside. what: after their number, in the message.

    Raises QuarantinedError where `--keep-going` asked to leave them out, else InputError.
    """
    if not problems:
        print(last_lines)
        return
    listed = "\n  ".join(problems)
    message = f"{len(problems)} {what}:\n  {listed}\n"
    if keep_going:
        raise QuarantinedError(f"{message}the others are done, as --keep-going asked\n{last_lines}")
    raise InputError(f"{message}replace them, and {way_on()}; or leave them out: --keep-going")


def command(script: str, before: argparse.Namespace | None = None, *more: str) -> str:
    """The command of a script, with the options of the script `before` that it takes over, and `more` of its own."""
    words = [script, *more]
    on_cluster = getattr(before, "cluster", None) and "--cluster" not in more  # whose cores this machine does not have
    for option in (option for option in carried(script) if not (on_cluster and option == "workers")):
        known = OPTIONS[option]
        given = getattr(before, known.get("dest", option), None)
        if given is not None and given != known.get("default"):
            for value in given if isinstance(given, list) else [given]:
                words += [f"--{option}", str(value)]
    return f"python {shlex.join(words)}"


def carried(script: str) -> tuple[str, ...]:
    """The options that a script, as a command names it, takes over."""
    names = (script, Path(script).name)
    return next((taken for start, taken in CARRIED.items() if any(name.startswith(start) for name in names)), ())


def first_training(before: argparse.Namespace) -> str:
    """What follows when the data and the split are there: r04 where the full recipe lacks its start, else stage 1."""
    stage = script_of("net_d121_stage1", TRAIN)
    if paths.phantom_answers().exists():
        return command(stage, before, "--preset", "demo", "--init", "random")
    if not paths.imagenet_weights().exists():
        return command("preproc_data/r04_inflate_imagenet.py")
    return command(stage, before)
