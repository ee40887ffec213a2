"""What an image may be called: its file's name without .dcm or .png, in every table."""

from pathlib import Path

import pandas as pd

from stagewise.data.columns import line_of, refuse_rows
from stagewise.files.names import name_problem

SUFFIXES = (".dcm", ".png")


def image_name_problem(name: str) -> str:
    """Why an image cannot have this name, which has no suffix, or "" where it can."""
    return name_problem(f"{name}.png", (".png",)) if name else "is blank"


def without_suffix(name: str) -> str:
    """A file's name without .dcm or .png, in any case, or both of them."""
    while name.lower().endswith(SUFFIXES):
        name = name[: -len(SUFFIXES[0])]
    return name


def image_names(table: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """The column's names without their suffix; InputError at one that an image cannot have."""
    names = table[column].str.strip().map(without_suffix)
    problems = pd.Series([image_name_problem(name) for name in names], table.index, dtype=str)
    if (problems != "").any():
        refuse_rows(problems != "", table, column, problems[problems != ""].iloc[0], path, mend)
    return names


def refuse_twice(table: pd.DataFrame, column: str, path: Path, mend: str) -> None:
    """InputError where a value stands in two rows."""
    twice = table[column].duplicated()
    if twice.any():
        first = line_of(table, int(table[column].eq(table.loc[twice, column].iloc[0]).argmax()))
        refuse_rows(twice, table, column, f"stands there a second time, first in line {first}", path, mend)
