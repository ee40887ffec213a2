"""The command line that every numbered script speaks: the same options, messages and exit codes."""

import argparse
import logging
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from stagewise.files import paths, shards
from stagewise.machine import gpus, interruption
from stagewise.machine.engines import ENGINES
from stagewise.machine.processor import available_cpus
from stagewise.messages.errors import StagewiseError, way_on


def at_least(minimum: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from `minimum` up."""

    def parse(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"{value} is less than {minimum}")
        return value

    parse.__name__ = "whole number"  # argparse names the type in its message
    return parse


def probability(text: str) -> float:
    """A type for argparse: a number of 0-1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def more_than_zero(text: str) -> float:
    """A type for argparse: a finite number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def share(text: str) -> float:
    """A type for argparse: a number between 0 and 1, neither of them."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not strictly between 0 and 1")
    return value


def shard(text: str) -> shards.Shard:
    """A type for argparse: a shard such as 3/20."""
    try:
        return shards.parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def gpu_choice(text: str) -> int | str:
    """A type for argparse: the number of a GPU, or `gpus.NONE`."""
    return text if text == gpus.NONE else at_least(0)(text)


gpu_choice.__name__ = "GPU"


OPTIONS = {
    "split": dict(type=Path, metavar="CSV", help="the split table (default: modified_data/kfold_split_5_42.csv)"),
    "fold": dict(
        type=int, action="append", dest="folds", metavar="K", help="only this fold; repeatable (default: all)"
    ),
    "gpu": dict(
        type=gpu_choice,
        metavar="J",
        help="run on GPU number J alone, of those that CUDA_VISIBLE_DEVICES shows; none: on the CPU (default: what the "
        "backend finds)",
    ),
    "workers": dict(
        type=at_least(0), default=available_cpus(), metavar="N", help="worker processes (default: %(default)s)"
    ),
    "memory": dict(
        type=more_than_zero,
        metavar="GIB",
        help="end where RAM use comes to this (default: 90 %% of what is free)",
    ),
    "seed": dict(type=at_least(0), default=42, metavar="S", help="seed of all chance (default: %(default)s)"),
    "preset": dict(
        choices=("full", "small", "demo"),
        default="full",
        help="the recipe's numbers; small: its net on small clips or images, for a CPU; demo: a small net for the "
        "phantom (default: %(default)s)",
    ),
    "prevalence": dict(
        type=share,
        default=0.003,
        metavar="P",
        help="the share of stalled clips that is really met (default: %(default)s, the full data's)",
    ),
    "best": dict(action="store_true", help="answer by each fold's best epoch in validation, not by its snapshots"),
    "dry-run": dict(action="store_true", help="print what would be read and written, and stop"),
    "engine": dict(
        choices=ENGINES,
        help="what predicts (default: openvino where no GPU is of use, unless KERAS_BACKEND is set; else keras)",
    ),
    "force": dict(action="store_true", help="start over and replace what is there"),
    "shard": dict(
        type=shard,
        metavar="I/N",
        help="only part I of N, 1 to N, by the names' hash; the same command without it gathers the parts",
    ),
    "cluster": dict(
        metavar="HOST:PORT",
        help="work on the machines of a Ray cluster, which share STAGEWISE_ROOT; auto: that of this machine",
    ),
    "keep-going": dict(action="store_true", help="set bad inputs aside and go on; exit code 5 says so at the end"),
}

SPLIT_OF_XRAYS = dict(help="the split table (default: modified_data/xrays/kfold_split_5_42.csv)")
WORKERS_OF_CLUSTER = dict(default=None, help="worker processes, or cores of the cluster (default: one a core, or all)")


def parser(doc: str, *options: str) -> argparse.ArgumentParser:
    """A parser whose help is the script's docstring, with the named shared `OPTIONS`, each by its whole name."""
    formatter = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(description=doc, formatter_class=formatter, allow_abbrev=False)
    others = {"workers": WORKERS_OF_CLUSTER} if "cluster" in options else {}
    others |= {"split": SPLIT_OF_XRAYS} if Path(sys.argv[0]).absolute().parent.name == "pneumothorax" else {}
    for option in options:
        made.add_argument(f"--{option}", **OPTIONS[option] | others.get(option, {}))
    return made


def _open_standard_streams() -> None:
    """Put nothing in the place of closed standard streams; else the next opened file would get their number."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", encoding="utf-8"))


def run(main: Callable[[], None]) -> NoReturn:
    """Run a script's `main` and leave with its exit code; errors that a user can mend are one message."""
    interruption.watch(_interrupted)
    _open_standard_streams()
    sys.stdout.reconfigure(line_buffering=True)  # in one log, its lines and standard error's keep their order
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it complains, while loading, of a home that is read-only
    try:
        try:
            main()
        finally:
            interruption.leave()
    except BaseException as error:
        _explain(error)
        raise
    sys.exit(0)


def _explain(error: BaseException) -> None:
    """Leave with the error's message and exit code; a mistake in the code is left to its traceback."""
    if number := interruption.came(error):
        _leave(_interrupted(), 128 + number)
    if isinstance(error, StagewiseError):
        _leave(f"error: {error}", error.exit_code)
    if isinstance(error, BrokenPipeError) and _nobody_reads():
        sys.exit(128 + signal.SIGPIPE)
    if isinstance(error, OSError):
        _leave(f"error: {_of_system(error)}", 1)


def _interrupted() -> str:
    return f"interrupted; {way_on()}"


def _nobody_reads() -> bool:
    """Whether standard output or standard error is a pipe that was closed at its other end, as by `| head`."""
    ends = select.poll()
    for descriptor in (1, 2):
        ends.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in ends.poll(0))


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


def _of_system(error: OSError) -> str:
    """A full disk, a lost mount, a missing right: the file, what the system says of it, and how to go on."""
    where = f"{paths.shown(Path(error.filename))}: " if isinstance(error.filename, str) else ""
    return f"{where}{error.strerror or error}; mend that, and {way_on()}"
