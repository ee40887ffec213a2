"""Memory that was freed, and that the C library keeps for what it is asked for next."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give it to the system, where the C library can: a table's columns may be 100 MiB that strings make no use of."""
    with suppress(AttributeError, OSError):  # glibc's alone
        ctypes.CDLL(None).malloc_trim(0)
