"""Memory that worker processes fill and the trainer reads, so that no batch is copied through a pipe."""

import math
import mmap
import os
from dataclasses import dataclass

import numpy as np

from stagewise.machine.workers import in_flight


@dataclass(frozen=True)
class Slot:
    """One array of a ring, by the way that another process finds it."""

    path: str
    index: int
    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The slot's memory in this process, uint8."""
        with open(self.path, "r+b") as file:  # noqa: PTH123 - a file descriptor's name, not a path in a folder
            return _mapped(file.fileno(), self.shape)[self.index]


def part_of(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The first bytes of a slot's array as one of another shape, which is no larger; both point to the same memory."""
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)


def slots_of(workers: int) -> int:
    """How many arrays a stream of batches takes: one for each that is in flight, and one that the caller is using."""
    return in_flight(workers) + 1


class Ring:
    """`count` uint8 arrays of one shape in anonymous memory of Linux (memfd).

    It has no name in a file system and no part of /dev/shm: it is gone with its processes, however they end. One
    file holds all arrays, since a trainer of many workers would run out of file descriptors.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self.file = os.memfd_create("stagewise-batch")
        os.ftruncate(self.file, count * math.prod(shape))
        self.arrays = list(_mapped(self.file, shape))
        self.slots = [Slot(f"/proc/{os.getpid()}/fd/{self.file}", index, shape) for index in range(count)]

    def close(self) -> None:
        """Give the memory back as soon as no array points to it any more."""
        self.arrays.clear()
        os.close(self.file)


def _mapped(file: int, shape: tuple[int, ...]) -> np.ndarray:
    """The whole file as arrays of one shape; what this process does not touch costs it nothing."""
    return np.frombuffer(mmap.mmap(file, 0), np.uint8).reshape(-1, *shape)
