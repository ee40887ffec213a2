"""Tables as machines write them, part by part of the file, so that half a million rows take little memory."""

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

PACKED = (".xz", ".gz")
NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")  # of a column
LAST_CELLS = re.compile(rb"[ \t,]*\n?")  # that are blank, and the end of the last line
LARGEST_NUMBER = 2**53  # beyond it, pandas may have come by way of a float64, which skips whole numbers
CHUNK_BYTES, CHUNK_ROWS = 1 << 20, 1 << 14
SHARED = "filename"  # a column whose cells stand in several tables: each text is held once, 33 MiB for 573,048


def read_plain(
    path: Path, only: Collection[str] | None, numbers: Collection[str], largest_bytes: int, largest_cells: int
) -> pd.DataFrame | None:
    """What `read_cells` reads of a table as machines write it: 573,048 rows of an index in 250 MiB, not 736.

    None where anything is out of the ordinary, which the other way then reads, or refuses with the line.
    """
    try:
        lines, header = _lines(path, largest_bytes) if path.is_file() and path.suffix not in PACKED else (0, "")
        names = header.split(",")
        if not lines or lines * len(names) > largest_cells:
            return None
        # of a column that nobody asks for, the first byte of each cell
        types = {name: str if only is None or name.casefold() in only else "S1" for name in names}
        types |= dict.fromkeys(set(numbers) & set(names), "int64")
        read = dict(na_filter=False, skip_blank_lines=False, encoding="utf-8", compression=None, chunksize=CHUNK_ROWS)
        with np.errstate(invalid="ignore"), pd.read_csv(path, dtype=types, **read) as parts:
            columns = _joined(parts, [name for name in names if types[name] != "S1"], names, lines - 1)
    except (OSError, ValueError, OverflowError):  # pandas' own errors, and those of UTF-8, are ValueErrors
        return None
    frame = pd.DataFrame(
        {name: pd.Series(cells, dtype=types[name], copy=False) for name, cells in columns.items()}, copy=False
    )
    frame.attrs |= {"first_line": 2, "decimal_comma": False}
    return frame


def _joined(
    parts: Iterable[pd.DataFrame], wanted: Sequence[str], names: Sequence[str], rows: int
) -> dict[str, np.ndarray]:
    """The columns that are wanted, of so many rows. Raises ValueError where that is not what there is."""
    columns, done = {}, 0
    for part in parts:
        # else a row is longer than the header; and with a quoted cell over a line's end, rows are fewer than lines
        if not isinstance(part.index, pd.RangeIndex) or list(part.columns) != names or done + len(part) > rows:
            raise ValueError
        for name in wanted:
            cells = part[name].to_numpy()
            if cells.dtype.kind == "i" and not (np.abs(cells.astype(float)) < LARGEST_NUMBER).all():
                raise ValueError
            if name == SHARED:
                cells = np.array([*map(sys.intern, cells)], object)
            columns.setdefault(name, np.empty(rows, cells.dtype))[done : done + len(part)] = cells
        done += len(part)
    if done < rows or not rows:
        raise ValueError
    return columns


def _lines(path: Path, largest_bytes: int) -> tuple[int, str]:
    """The number of lines and the first one; 0 lines where they are not as a machine writes them.

    That is: they end in `\\n`, none is blank at the end, and the columns' names are plain, each another one.
    """
    lines, size, end = 0, 0, b""
    with path.open("rb") as file:
        first = file.readline(CHUNK_BYTES)
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            lines, size, end = lines + chunk.count(b"\n"), size + len(chunk), end[-CHUNK_BYTES:] + chunk
            if b"\r" in chunk or b"\0" in chunk or size > largest_bytes:
                return 0, ""
    header = first.removesuffix(b"\n").decode("ascii", "replace")
    names = header.split(",")
    if not all(map(NAME.fullmatch, names)) or len({*names}) < len(names):
        return 0, ""
    filled = end.rstrip(b" \t\n,")
    if not filled or not LAST_CELLS.fullmatch(end, len(filled)):
        return 0, ""
    return lines + (not end.endswith(b"\n")), header
