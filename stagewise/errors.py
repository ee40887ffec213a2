"""Errors that a user can mend, each with the exit code that its script ends with."""

INPUT_MEND = "put the competition's own file there, or run: python preproc_data/r00_make_phantom.py"


class StagewiseError(Exception):
    """What is wrong, where, and the command that mends it; the environment or a file failed (exit code 1)."""

    exit_code = 1


class InputError(StagewiseError):
    """Bad usage or bad input; nothing was written (exit code 2)."""

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
