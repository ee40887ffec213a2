"""What a check of the data found: the tables it could read, problems, and remarks."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from stagewise.data.video_names import near, told_apart
from stagewise.files import paths
from stagewise.messages.errors import InputError, QuarantinedError

SHOWN_NAMES = 5
PROBLEM_COLUMNS = ("problem", "name", "optional", "mend")


@dataclass(frozen=True)
class Finding:
    """One kind of problem and every name it concerns; `optional` where the other data is usable without them."""

    what: str
    names: tuple[str, ...]
    mend: str
    optional: bool = False

    def __str__(self) -> str:
        shown = ", ".join(self.names[:SHOWN_NAMES]) + (", ..." if len(self.names) > SHOWN_NAMES else "")
        return f"{self.what} ({len(self.names)}): {shown}; {self.mend}" if self.names else f"{self.what}; {self.mend}"

    def rows(self) -> list[tuple[str, str, bool, str]]:
        """A row a name, columns `PROBLEM_COLUMNS`."""
        return [(self.what, name, self.optional, self.mend) for name in self.names or ("",)]


def write_problems(path: Path, findings: Iterable[Finding]) -> None:
    """Every name of every finding, in a table."""
    with paths.replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PROBLEM_COLUMNS)
        writer.writerows(row for finding in findings for row in finding.rows())


def end_with(findings: Sequence[Finding], problems: Path, last_lines: str, keep_going: bool) -> None:
    """Print the last lines of a check; an error with them where it found anything. problems: where every name stands.

    Raises QuarantinedError where the other data is usable, and was asked for with `--keep-going`; else InputError.
    """
    if not findings:
        print(f"no problems\n{last_lines}")
        return
    kinds = f"{len(findings)} kind{'s' * (len(findings) > 1)} of problem"
    message = "\n  ".join((f"{kinds}, every name in {paths.shown(problems)}:", *map(str, findings)))
    if not all(finding.optional for finding in findings):
        raise InputError(message)
    if keep_going:
        raise QuarantinedError(f"{message}\nthe other data is whole, and --keep-going asked for it alone\n{last_lines}")
    raise InputError(message + "\nthe other data is whole; to go on with it alone: --keep-going")


@dataclass
class Data:
    """The tables that could be read, and what is wrong with them."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)  # videos whose volume did not pass

    def has(self, *tables: str) -> bool:
        """Whether all these tables could be read."""
        return all(table in self.tables for table in tables)

    def first_with(self, column: str, *tables: str) -> pd.DataFrame | None:
        """The first of these tables that could be read and has the column, or None."""
        return next((self.tables[name] for name in tables if self.has(name) and column in self.tables[name]), None)

    def names(self, table: str) -> frozenset[str]:
        """The file names in a table; of an extraction's table, those that have a volume."""
        frame = self.tables[table]
        return frozenset(frame["filename"] if "status" not in frame else frame.loc[frame["status"] == "ok", "filename"])

    def find(self, what: str, names: Iterable[str], mend: str, optional: bool = False) -> None:
        """Note a problem with these names, if there are any; what a line cannot show of them is escaped."""
        if found := tuple(name if name.isprintable() else ascii(name) for name in sorted(names)):
            self.findings.append(Finding(what, found, mend, optional))

    def find_absent(
        self,
        what: str,
        names: Iterable[str],
        others: Iterable[str],
        mend: str,
        optional: bool = False,
        misspelt_optional: bool = False,
    ) -> frozenset[str]:
        """Note the names that the others lack; those that are nearly among them are a problem of their own.

        Returns: the others that were meant by such names, it seems.
        """
        names, others = frozenset(names), frozenset(others)  # which a frozen set is itself: half a million take 32 MiB
        alike = near(names - others, others - names)
        self.find(what, names - others - alike.keys(), mend, optional)
        told = [f"{name} ({told_apart(name, other)})" for name, other in alike.items()]
        self.find(f"{what}, but for one of nearly the same name", told, "spell them alike", misspelt_optional)
        return frozenset(alike.values())

    def note_left_out(self, rows: str, names: Sequence[str], split: Path | None, make: str) -> None:
        """Say which labelled rows the split does not have, if any: it may be a part of them, or older than some.

        rows: what they are called; split: the user's own, None for that which the command `make` makes.
        """
        if len(names):
            mend = f"add them to {split}" if split else f"make it again: {make} --force"
            self.notes.append(
                f"{len(names)} {rows}, first {names[0]}, are not in the split, and never trained on; to have them "
                f"there, {mend}"
            )

    def read(self, table: str, reader: Callable[..., pd.DataFrame], path: Path, *arguments: object) -> None:
        """Read a table, or note why it cannot be read."""
        try:
            self.tables[table] = reader(path, *arguments)
        except InputError as error:
            self.find_unread(error)

    def find_unread(self, error: InputError, optional: bool = False) -> None:
        """Note why a table, or a column of one, cannot be read."""
        message, _, mend = str(error).rpartition("; ")
        self.findings.append(Finding(message, (), mend, optional))
