"""Memory that worker processes fill and the trainer reads, so that no batch is copied through a pipe."""

import math
import mmap
import os
from dataclasses import dataclass

import numpy as np

from stagewise.workers import in_flight


@dataclass(frozen=True)
class Slot:
    """One array of a ring, by the way that another process finds it."""

    path: str
    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The slot's memory in this process, uint8."""
        with open(self.path, "r+b") as file:  # noqa: PTH123 - a file descriptor's name, not a path in a folder
            return _mapped(file.fileno(), self.shape)


def slots_of(workers: int) -> int:
    """How many arrays a stream of batches takes: one for each that is in flight, and one that the caller is using."""
    return in_flight(workers) + 1


class Ring:
    """`count` uint8 arrays of one shape in anonymous memory of Linux (memfd).

    It has no name in a file system and no part of /dev/shm: it is gone with its processes, however they end.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self.files = [os.memfd_create("stagewise-batch") for _ in range(count)]
        for file in self.files:
            os.ftruncate(file, math.prod(shape))
        self.arrays = [_mapped(file, shape) for file in self.files]
        self.slots = [Slot(f"/proc/{os.getpid()}/fd/{file}", shape) for file in self.files]

    def close(self) -> None:
        """Give the memory back as soon as no array points to it any more."""
        self.arrays.clear()
        while self.files:
            os.close(self.files.pop())


def _mapped(file: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(mmap.mmap(file, math.prod(shape)), np.uint8).reshape(shape)
