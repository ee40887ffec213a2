"""Errors that a user can mend, each with the exit code that its script ends with; and how to go on after them."""

import sys
from pathlib import Path

from stagewise.messages.commands import MAKE_PHANTOM

INPUT_MEND = f"put the competition's own file there, or run: {MAKE_PHANTOM}"
DIVERGED_MEND = "the state before that epoch is kept; lower learning_rate on the recipe's page and train with --force"
START_OVER = ("r01_", "r05_", "r3", "r4")  # how scripts begin whose --force sets aside what they have done so far


def way_on() -> str:
    """How to resume after an interruption: by the same command, but for a --force that would start over."""
    over = "--force" in sys.argv and Path(sys.argv[0]).name.startswith(START_OVER)
    return f"run the same command{' without --force' * over} to resume"


class StagewiseError(Exception):
    """What is wrong, where, and the command that mends it; the environment or a file failed (exit code 1)."""

    exit_code = 1


class InputError(StagewiseError):
    """Bad usage or bad input (exit code 2).

    Nothing was written, but for r01's volumes of the whole videos with their index, and what r02 found.
    """

    exit_code = 2


class NumericalError(StagewiseError):
    """The numbers left the finite range; nothing bad was saved (exit code 3)."""

    exit_code = 3


class BusyError(StagewiseError):
    """Another run owns the folder (exit code 4)."""

    exit_code = 4


class QuarantinedError(StagewiseError):
    """The script finished, and some inputs were set aside as `--keep-going` asked (exit code 5)."""

    exit_code = 5
