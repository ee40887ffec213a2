"""A split's file as r03 writes it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console.ending import ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.commands import typed
from stagewise.messages.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def require_free(path: Path, force: bool, following: str) -> None:
    """Raise InputError where the file is there already, unless `force` replaces it, or where the path is a folder's.

    following: the command that goes on with what is there.
    """
    if path.is_dir():
        raise InputError(f"--output {path} is a folder; name a CSV file")
    if path.exists() and not force:
        raise InputError(
            f"{paths.shown(path)} is there already, and trainings may depend on it; replace it with --force\n"
            + ending([], following)
        )


def write_split(split: "pd.DataFrame", path: Path, own: bool, following: str) -> None:
    """Write the file, whole or not at all, and the script's last lines. own: whether scripts find it by themselves."""
    from stagewise.files.csv_text import OPEN  # loads pandas, which --help has no use for

    remove_leftovers(path.parent)
    with paths.replacing(path) as temporary:
        split.to_csv(temporary, index=False, compression="infer" if path.suffix in OPEN else None)
    if not own:
        print(f"give every later script: --split {shlex.quote(typed(path))}")
    print(ending([path], following))
