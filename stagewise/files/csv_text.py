"""The text of a CSV file as cells, a row a line; what is wrong with it is told by its line."""

import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from stagewise.files import paths
from stagewise.files.csv_plain import read_plain
from stagewise.messages.errors import InputError

LARGEST_BYTES = 1 << 28  # five times the competition's largest table, 573,048 rows in 53 MB
LARGEST_CELLS = 1 << 25  # seven times its 573,048 rows of 8; 2 GB in memory
OPEN = {".xz": lzma.open, ".gz": gzip.open}  # by suffix; under any other one, a table is plain text
DELIMITERS = (",", ";", "\t")  # of spreadsheets, by country
NAMED_DELIMITER = re.compile('"?sep=([,;\t|])"?,*(\r\n|\r|\n)', re.IGNORECASE)  # Excel's first line


def read_cells(
    path: Path, mend: str, absent: str, only: Collection[str] | None = None, numbers: Collection[str] = ()
) -> pd.DataFrame:
    """All cells as str, the first line's as names of the columns, blank lines at the end left out.

    mend, absent: what the user can do about a bad file, and about none. only: the columns that are asked for, in small
    letters, by default all; numbers: those that may come as int64 where every cell of all of them is a whole number,
    for the sake of memory. Raises InputError. Returns: attrs first_line, the line of the file that row 0 stands in, and
    decimal_comma, whether numbers may have one, for the columns' readers.
    """
    frame = read_plain(path, only, numbers, LARGEST_BYTES, LARGEST_CELLS)
    if frame is None:
        frame = _read_any(path, mend, absent)
        frame = frame if only is None else frame[[name for name in frame.columns if name.casefold() in only]]
    return frame


def _read_any(path: Path, mend: str, absent: str) -> pd.DataFrame:
    with paths.naming(path):
        text = _read_text(path, mend, absent)
    named = NAMED_DELIMITER.match(text)
    text = text[named.end() :] if named else text
    header = re.split("[\r\n]", text, maxsplit=1)[0]
    bare = re.sub('"[^"]*"', "", header)  # a quoted name of a column may hold any of them
    delimiter = named[1] if named else next((delimiter for delimiter in DELIMITERS if delimiter in bare), ",")
    text = _without_blank_end(text, delimiter)
    lines = _count_lines(text)
    if lines * (header.count(delimiter) + 1) > LARGEST_CELLS:
        raise InputError(f"{paths.shown(path)} has more than {LARGEST_CELLS:,} cells; {mend}")
    cells = _parse(text, delimiter)
    first_line = 2 if named else 1
    if cells is None or len(cells) != lines:  # or a quoted cell goes on over a line's end
        problem = _first_bad_line(text, delimiter, first_line)
        raise InputError(f"{paths.shown(path)} is not a CSV table: {problem}; {mend}")
    frame = _named(cells, path, first_line, mend)
    frame.attrs |= {"first_line": first_line + 1, "decimal_comma": delimiter != ","}
    return frame


def _parse(text: str, delimiter: str) -> pd.DataFrame | None:
    """The cells under numbers as names, so that the first line sets the width and no repeated name is changed."""
    try:
        return pd.read_csv(
            io.StringIO(text), sep=delimiter, header=None, dtype=str, na_filter=False, skip_blank_lines=False
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError):
        return None


def _read_text(path: Path, mend: str, absent: str) -> str:
    shown = paths.shown(path)
    try:
        with OPEN.get(path.suffix, open)(path, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{shown} is not there; {absent}") from None
    except IsADirectoryError:
        raise InputError(f"{shown} is a folder, not a CSV table; {mend}") from None
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{shown} cannot be read: {error}; {mend}") from error
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{shown} holds more than {LARGEST_BYTES >> 20} MiB of text; {mend}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{shown} is not a CSV table: line {line} is not UTF-8 text (save it as CSV UTF-8); {mend}"
        ) from error


def _without_blank_end(text: str, delimiter: str) -> str:
    """The text up to the end of its last line that holds more than spaces and delimiters."""
    filled = len(text.rstrip(f" \t\r\n{delimiter}"))
    return text[:filled] + re.split("[\r\n]", text[filled:], maxsplit=1)[0]


def _count_lines(text: str) -> int:
    """Lines that end in `\\n`, `\\r\\n` or `\\r`, and what stands after the last of them."""
    ends = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ends + (not text.endswith(("\n", "\r")))


def _first_bad_line(text: str, delimiter: str, first_line: int) -> str:
    """What stops the text, which begins in the file's line `first_line`, from being a table, for the user."""
    reader, width, last = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0, 0
    before = first_line - 1
    try:
        for row in reader:
            width = width or len(row)
            if not width:
                return f"line {first_line} is blank, where the columns' names should be"
            if reader.line_num > last + 1:
                return (
                    f"line {before + last + 1} has a quoted cell that goes on over the line's end; is a quote missing"
                )
            if len(row) > width:
                return f"line {before + reader.line_num} has {len(row)} cells under {width} names of columns"
            last = reader.line_num
    except csv.Error as error:
        return f"line {before + last + 1} has a quote that does not fit ({error})"
    return "it is empty"


def _named(cells: pd.DataFrame, path: Path, line: int, mend: str) -> pd.DataFrame:
    """The rows under their names; a column without one is left out, since nobody can ask for it."""
    names = [name.strip() for name in cells.iloc[0]]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{paths.shown(path)}, line {line}: column {twice!r} stands there twice; {mend}")
    frame = cells.iloc[1:].reset_index(drop=True).set_axis(names, axis="columns")
    return frame.loc[:, [bool(name) for name in names]]
