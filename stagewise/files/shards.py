"""Shards: one command's work on many files, done in parts by processes that need not know of each other.

What belongs to a shard follows from a file's name alone, not from its place in a list: shards that see different lists,
since files came meanwhile, neither lose nor share one. Each writes files of its own; the same command without a shard
gathers them, and does what is missing.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHOWN = 20  # of the missing shards in a line


@dataclass(frozen=True, order=True)
class Shard:
    """Shard `number` of `count`, from 1 as the elements of SLURM's arrays may be."""

    count: int
    number: int

    def has(self, name: str) -> bool:
        """Whether a file of this name belongs to it."""
        return number_of(name, self.count) == self.number

    def file(self, path: Path) -> Path:
        """The shard's own file in the place of `path`: `train.3-of-20.csv` of `train.csv`."""
        return path.with_name(f"{path.stem}.{self.number}-of-{self.count}{path.suffix}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def number_of(name: str, count: int) -> int:
    """The number, from 1, of the shard of so many that has a file of this name."""
    return int(hashlib.sha256(os.fsencode(name)).hexdigest()[:8], 16) % count + 1


def parsed(text: str) -> Shard:
    """The shard of a text such as `3/20`; ValueError where it names none."""
    if not (found := re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", text, re.ASCII)):
        raise ValueError(f"{text} is not a shard such as 3/20")
    shard = Shard(int(found[2]), int(found[1]))
    if shard.number > shard.count:
        raise ValueError(f"there is no shard {shard}")
    return shard


def files_of_shards(path: Path) -> dict[Shard, Path]:
    """The shards' own files in the place of `path` that are there, by their shard, in the shards' order."""
    name = re.compile(rf"{re.escape(path.stem)}\.([1-9][0-9]*)-of-([1-9][0-9]*){re.escape(path.suffix)}", re.ASCII)
    there = path.parent.glob(f"*-of-*{path.suffix}") if path.parent.exists() else ()
    found = {Shard(int(parts[2]), int(parts[1])): file for file in there if (parts := name.fullmatch(file.name))}
    return dict(sorted(found.items()))


def gathered(shards: Iterable[Shard]) -> str:
    """What to say of the shards that a command without one gathers, and of those that lack; "" where there are none."""
    shards = set(shards)
    missing = [Shard(count, number) for count in _counts(shards) for number in range(1, count + 1)]
    missing = [str(shard) for shard in missing if shard not in shards]
    there = " and ".join(f"{sum(shard.count == count for shard in shards)} of {count}" for count in _counts(shards))
    names = ", ".join(missing[:SHOWN]) + ", ..." * (len(missing) > SHOWN)
    lacking = f"; not there: {names}; what they lack is done now" if missing else ""
    return f"gathers {there} shards{lacking}" if shards else ""


def _counts(shards: Iterable[Shard]) -> list[int]:
    return sorted({shard.count for shard in shards})
