"""Ctrl-C and SIGTERM at any moment: one line and an exit code, and no traceback from any process.

`cli.run` calls `watch`; what comes before is `first_line`'s.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


class Terminated(BaseException):
    """SIGTERM came: the way out is that of Ctrl-C."""


class _Signals:
    """What is known of the signals of this process."""

    came: int | None = None  # the number of the first one
    held = 0  # how many blocks put it off now
    workers = False  # whether there are processes that must not be left alone
    leaving = False  # whether the script has ended, and only its way out is left
    words: Callable[[], str] = str  # what is said of an interruption


def watch(words: Callable[[], str]) -> None:
    """Take Ctrl-C, unless it is ignored as in a shell's background, and SIGTERM; `words` are those of the last line.

    In the main thread, KeyboardInterrupt and `Terminated` are raised. In the middle of an import, and there are many
    seconds of them, C code would make another error of that, or none: as long as there are no workers, the process ends
    there and then.
    """
    forget()
    _Signals.words = words
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _take)
    signal.signal(signal.SIGTERM, _take)
    import threading

    for module, name in ((sys, "unraisablehook"), (threading, "excepthook")):
        if not isinstance(getattr(module, name), _Quiet):
            setattr(module, name, _Quiet(getattr(module, name)))


def forget() -> None:
    """Begin anew, in a process in which one script after the other runs."""
    _Signals.came, _Signals.held, _Signals.workers, _Signals.leaving = None, 0, False, False


def leave() -> None:
    """From here on no signal disturbs the way out."""
    _Signals.leaving = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python gives up its own handlers before its end


def came(error: BaseException) -> int | None:
    """The signal that the error follows from, whatever it is; None where no signal came."""
    kinds = {KeyboardInterrupt: signal.SIGINT, Terminated: signal.SIGTERM}
    return _Signals.came or kinds.get(type(error))


def check() -> None:
    """Raise what a signal should have raised, where it is put off no more, or somebody has caught it."""
    if _Signals.came is not None and not _Signals.held and not _Signals.leaving:
        _raise(_Signals.came)


class Held:
    """A context manager that puts signals off to its end; processes that start in it never get Ctrl-C.

    A worker that is not yet whole would end with a traceback of its own, and one that is has its end from its parent.
    """

    def __enter__(self) -> None:
        _Signals.held += 1
        _Signals.workers = True
        # a thread of a library may still take the signal, which makes it come all the same; a child has no such thread
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def __exit__(self, *exception: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)
        _Signals.held -= 1
        check()


def _take(number: int, frame: object) -> None:
    _Signals.came = _Signals.came or number
    if _Signals.leaving or _Signals.held:
        return
    if not _Signals.workers and _is_importing(frame):
        _end_at_once(_Signals.came)
    _raise(_Signals.came)


def _raise(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _is_importing(frame: object) -> bool:
    while frame is not None and "importlib._bootstrap" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def _end_at_once(number: int) -> NoReturn:
    try:
        os.write(2, f"{_Signals.words()}\n".encode())
    finally:
        os._exit(128 + number)


class _Quiet:
    """A hook for errors that nobody catches, which has nothing to say once a signal came."""

    def __init__(self, hook: Callable[[object], None]) -> None:
        self.hook = hook

    def __call__(self, error: object) -> None:
        """Where a destructor has swallowed the interruption, let it come again."""
        if _Signals.came is None:
            self.hook(error)
        elif issubclass(error.exc_type, (KeyboardInterrupt, Terminated)) and not _Signals.leaving:
            import threading

            again = threading.Timer(0.1, os.kill, (os.getpid(), _Signals.came))
            again.daemon = True
            again.start()
