"""The table of what was made of many files, which an interrupted run goes on from.

A finished file is one line in a journal beside the table, written after what was made of it is on the disk. An
interrupted run leaves the journal; the next one believes a line only if the made file's checksum agrees.
"""

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.locks import owned
from stagewise.files.rows import Lines, Row, Rows, cells_of, line_of
from stagewise.files.shards import Shard, files_of_shards

# of a dangling link, missing rights, a loop of links, a file that was replaced on its server; not EIO, of a disk
OF_ONE_FILE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ESTALE)

JOURNAL, LOCK = ".journal", ".lock"  # how the names of the files beside a table end


@dataclass(frozen=True)
class Index:
    """A table of made files. columns: the first is the file's name; what: the work, for who comes while it is done.

    path: of the whole table; shard: whose part of it this is, None for the whole, which gathers the shards' parts;
    later: the last of the columns, which a table of before does not have; they are blank then.
    """

    path: Path
    columns: Sequence[str]
    what: str
    shard: Shard | None = None
    later: Sequence[str] = ()

    @property
    def table(self) -> Path:
        """What is written at the end."""
        return self.shard.file(self.path) if self.shard else self.path

    @property
    def journal(self) -> Path:
        """Lines of the table for the files finished so far; gone when the table is written."""
        return self.table.with_suffix(JOURNAL)

    def write(self, rows: Iterable[Row]) -> None:
        """The table, whole or not at all."""
        rows = rows if isinstance(rows, Lines) else Lines(self.columns, rows)
        with paths.replacing(self.table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines([",".join(self.columns) + "\n", *rows.lines])

    @contextmanager
    def journaling(self, *folders: Path) -> Iterator["Journal"]:
        """The journal, open for one process alone, and removed when the work is done; with it the shards' files.

        Shards work beside each other, the whole alone, and who holds the whole's lock keeps the shards from beginning.
        folders: of the made files; what killed processes left there is removed. Raises BusyError where another process
        is at work.
        """
        path = self.journal
        with self.owning(), path.open("a", encoding="utf-8", newline="") as file:
            for folder in (path.parent, *folders) if not self.shard else ():  # of the many, one alone looks through all
                remove_leftovers(folder)
            file.write("\n")  # ends a line that a killed run has torn
            yield Journal(file, Lines(self.columns))
            path.unlink(missing_ok=True)
            for part in self.shards_files() if not self.shard else ():
                part.unlink(missing_ok=True)

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Own the whole, for which no shard may be at work, or a shard. Raises BusyError."""
        with ExitStack() as locks:
            locks.enter_context(owned(self.path.with_suffix(LOCK), self.what, shared=bool(self.shard)))
            if self.shard:
                locks.enter_context(owned(self.table.with_suffix(LOCK), f"shard {self.shard} of {self.what}"))
            yield

    def shards(self) -> dict[Shard, Path]:
        """The tables of shards that ended."""
        return files_of_shards(self.path)

    def shards_files(self) -> list[Path]:
        """The shards' tables, journals and locks, of those that were killed, too."""
        suffixes = (self.path.suffix, JOURNAL, LOCK)
        return [path for suffix in suffixes for path in files_of_shards(self.path.with_suffix(suffix)).values()]

    def known_rows(self) -> Mapping[str, Row]:
        """What the table and then the journal say, by name; a line that is not whole does not count.

        Of the whole, and of all shards of any number, those of the last change last.
        """
        lines, journal = {}, self.path.with_suffix(JOURNAL)
        parts = [part for path in (self.path, journal) for part in files_of_shards(path).values()]
        for path in (self.path, *sorted([journal, *parts], key=_changed)):
            if path.exists():
                with paths.naming(path), path.open(encoding="utf-8", errors="replace") as file:
                    lines |= self._whole_lines(file)
        return Rows(self.columns, lines)

    def _whole_lines(self, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Those with a cell for each column, by their first cell; below a header of before all but the `later`.

        A journal has no header: a line that was torn behind one of the last commas would pass there for one of before.
        """
        whole, before = len(self.columns), list(self.columns[: len(self.columns) - len(self.later)])
        for line in lines:
            if not line.endswith("\n"):  # torn by a kill, or a shard is writing it
                continue
            cells = cells_of(line) if '"' in line else line.rstrip("\n").split(",")
            if cells == before:
                whole = len(before)
            elif len(cells) == whole and cells[0] != self.columns[0]:
                yield cells[0], line


@dataclass(frozen=True)
class Journal:
    """An open journal, and the rows that this process wrote into it."""

    file: TextIO
    rows: Lines

    def write(self, row: Row) -> None:
        """Note a file as finished; what was made of it must be on the disk."""
        with paths.naming(Path(self.file.name)):
            self.file.write(line := line_of(self.rows.columns, row))
            self.file.flush()
        self.rows.lines.append(line)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def why_unread(error: OSError, path: Path) -> str:
    """Why one file cannot be read. Raises the error where it is not this one file's: a disk or a mount that fails."""
    if error.errno not in OF_ONE_FILE or str(error.filename) != str(path):
        raise error
    try:  # the folder is still there, and the file in it, if only as a link
        path.parent.stat() if error.errno == errno.ESTALE else path.lstat()
    except OSError:
        raise error from None
    link = f", and is a link to {path.readlink()}" if path.is_symlink() else ""
    return f"cannot be read: {error.strerror}{link}"
