"""Columns of tables as values: text in, bool, int64 or float64 out, and an error that names the line at any other.

A number beside `;` or a tab may have a decimal comma, as spreadsheets write it where `,` is not free for the cells.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.files import paths
from stagewise.messages.errors import InputError

YES = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True)
NO = dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False)
LABELS = {word: str(int(value)) for word, value in (YES | NO | {"stalled": True, "flowing": False}).items()}
DECIMAL_COMMA = r"\s*[+-]?[0-9]*,[0-9]+\s*"
THOUSANDS = r"\s*[+-]?[1-9][0-9]{0,2},[0-9]{3}\s*"  # or a number with three decimals: two readings
LONGEST_SHOWN = 300  # characters of a table in a message


def require_values(frame: pd.DataFrame, column: str, allowed: Sequence[object], path: Path, mend: str) -> None:
    """Raise InputError at the first row whose value is not among `allowed`."""
    expected = ", ".join(map(str, allowed))[:LONGEST_SHOWN]
    refuse_rows(~frame[column].isin(list(allowed)), frame, column, f"is not one of {expected}", path, mend)


def blanks(cells: pd.Series) -> pd.Series:
    """Which cells hold nothing, or spaces alone; of numbers none does."""
    if cells.dtype.kind == "i" or all(map(str.strip, cells.to_numpy())):  # ten times as fast as what follows, and usual
        return pd.Series(False, cells.index)
    return pd.Series([not cell.strip() for cell in cells], cells.index, bool)


def matching(pattern: re.Pattern[str], cells: pd.Series) -> pd.Series:
    """Which cells are a pattern's from beginning to end."""
    if all(map(pattern.fullmatch, cells.to_numpy())):
        return pd.Series(True, cells.index)
    return pd.Series([pattern.fullmatch(cell) is not None for cell in cells], cells.index, bool)


def booleans(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of True/False, yes/no or 1/0, whole or by their first letters, in any case; InputError at another."""
    values = _meant(frame[column], YES | NO)
    refuse_rows(values.isna(), frame, column, "is neither True nor False", path, mend)
    return values.astype(bool)


def with_tiers(frame: pd.DataFrame, path: Path, mend: str) -> pd.DataFrame:
    """The table with its column tier1, if it has one, as bool."""
    return frame.assign(tier1=booleans(frame, "tier1", path, mend)) if "tier1" in frame else frame


def with_points(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column's text with points for decimal commas, where its table may have these."""
    text = frame[column]
    if not frame.attrs.get("decimal_comma"):
        return text
    return text.mask(text.str.fullmatch(DECIMAL_COMMA), text.str.replace(",", "."))


def numbers(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of finite numbers as float64; InputError at the first other value."""
    values = pd.to_numeric(with_points(frame, column), errors="coerce").astype(np.float64)
    refuse_rows(~np.isfinite(values), frame, column, "is not a number", path, mend)
    return values


def probabilities(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of numbers of 0-1, as float64; InputError at the first other value."""
    values = numbers(frame, column, path, mend)
    refuse_rows(~values.between(0, 1), frame, column, "is outside 0-1", path, mend)
    return values


def whole_numbers(frame: pd.DataFrame, column: str, path: Path, mend: str, minimum: int | None = None) -> pd.Series:
    """A column of whole numbers, none below `minimum`, as int64 (`1.0` is 1); InputError at another."""
    values = frame[column]
    if values.dtype.kind != "i":  # else read as such
        values = numbers(frame, column, path, mend)
        if frame.attrs.get("decimal_comma"):
            thousands = frame[column].str.fullmatch(THOUSANDS)
            refuse_rows(thousands, frame, column, "may be thousands or have decimals", path, mend)
        unlike = (values != values.round()) | (values.abs() >= 2**53)  # beyond it a float64 skips whole numbers
        refuse_rows(unlike, frame, column, "is not a whole number", path, mend)
    if minimum is not None:
        refuse_rows(values < minimum, frame, column, f"is less than {minimum}", path, mend)
    return values.astype(np.int64)


def labels(frame: pd.DataFrame, path: Path, mend: str) -> pd.Series:
    """The column stalled as int64, 1 stalled or 0 flowing, read from numbers or words; InputError at another value."""
    mend = f"it must be 1 (stalled) or 0 (flowing); {mend}"
    text = frame["stalled"]
    checked = frame.assign(stalled=_meant(text, LABELS).fillna(text))
    checked["stalled"] = whole_numbers(checked, "stalled", path, mend)
    require_values(checked, "stalled", (0, 1), path, mend)
    return checked["stalled"]


def _meant(cells: pd.Series, words: Mapping[str, object]) -> pd.Series:
    """What the words mean, in any case and with spaces around them; missing at others. Half a million are few words."""
    return cells.map({cell: words.get(cell.strip().lower()) for cell in cells.unique()})


def refuse_rows(bad: pd.Series, frame: pd.DataFrame, column: str, problem: str, path: Path, mend: str) -> None:
    """InputError about the first row where `bad` is true."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        others = f" (and {int(bad.sum()) - 1} more lines)" if bad.sum() > 1 else ""
        value = str(frame[column].iloc[row])[:LONGEST_SHOWN]
        where = f"{paths.shown(path)}, line {line_of(frame, frame.index[row])}"
        raise InputError(f"{where}: {column} {value!r} {problem}{others}; {mend}")


def line_of(frame: pd.DataFrame, row: int) -> int:
    """The line of the file that the row of this label (0, 1, ...) stands in; -1 is that of the columns' names."""
    return row + frame.attrs.get("first_line", 2)
