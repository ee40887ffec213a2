"""The log of a run: what was started when, each line that it said, warnings, and how it ended, sitting after sitting.

It is the one file of a run that holds the time of day. Every line is handed to the system as it comes, so that a
kill loses none. A log that cannot be opened is an error like any other file's, for nothing is lost yet; later, a
line that the disk refuses is said on standard error and no reason to end: days of training weigh more.
"""

import faulthandler
import logging
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stagewise.files import paths
from stagewise.machine.processor import available_cpus
from stagewise.messages.errors import StagewiseError

LOGGER = logging.getLogger("stagewise")  # what is said; other packages' warnings come through the root logger
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False


def say(line: str) -> None:
    """Print a line, and put it into the log of the run that is under way, if one is."""
    LOGGER.info(line)
    print(line, flush=True)


@contextmanager
def logged(path: Path, *about: str) -> Iterator[None]:
    """Keep the log of a run, made if need be, while the block runs; `about` are lines that say what it is.

    Raises OSError where the log cannot be opened, and what the block raises.
    """
    handler = _Handler(path)
    with ExitStack() as stack:
        stack.callback(_close, handler)
        stack.enter_context(_listening(handler))
        LOGGER.info("started: %s", shlex.join(["python", *sys.argv]))
        cores = f"{available_cpus()} of {os.cpu_count()} cores"
        LOGGER.info("process %d on %s, %s", os.getpid(), platform.node(), cores)
        for line in about:
            LOGGER.info(line)
        try:
            yield
        except StagewiseError as error:
            LOGGER.error("error: %s", error)
            raise
        except Exception:
            LOGGER.exception("ended by an error:")
            raise
        except BaseException as error:  # Ctrl-C, SIGTERM
            LOGGER.warning("interrupted: %s", type(error).__name__)
            raise
        LOGGER.info("finished")


class _Handler(logging.FileHandler):
    """Appends to the log; a line that cannot be written stays in its buffer, and is tried again with the next one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, mode="a", encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S%z"))
        if self.stream.tell():
            self.stream.write("\n")  # between two sittings, and after a line that a power cut has torn

    def handleError(self, record: logging.LogRecord) -> None:
        """Say on standard error that a line is missing."""
        path, error = paths.shown(Path(self.baseFilename)), sys.exc_info()[1]
        print(f"warning: {path}: {error}; the training goes on, and its log may lack lines", file=sys.stderr)


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    """Let the log hear what is said here, every package's warnings, and Python's last words in a crash of C code."""
    root, for_terminal = logging.getLogger(), logging.lastResort
    level, watches = LOGGER.level, not faulthandler.is_enabled()
    handlers = [handler] if root.handlers else [handler, for_terminal]  # which a root without any would use
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)
    for one in handlers:
        root.addHandler(one)
    logging.captureWarnings(True)
    if watches:
        faulthandler.enable(handler.stream)
    try:
        yield
    finally:
        if watches:
            faulthandler.disable()
        logging.captureWarnings(False)
        for one in handlers:
            root.removeHandler(one)
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


def _close(handler: logging.Handler) -> None:
    with suppress(OSError):  # that a line could not be written has been said
        handler.close()
