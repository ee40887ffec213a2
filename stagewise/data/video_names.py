"""The videos that a table's names mean: a name without suffix is the video's that is there, and near misses are told.

Every reader of a table with a row a video comes through here, so that all tables agree on a video's name.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.files import paths
from stagewise.files.csv_text import read_cells
from stagewise.files.names import ORDINARY, SUFFIX, is_video, name_problem
from stagewise.messages.commands import EXTRACT

OTHER_TYPE = r"\.[a-z][a-z0-9]{1,4}\s*"  # how the name of a file that is no video ends


def known_videos(subset: str) -> set[str]:
    """The videos of `train` or `test`: those of the extraction's table, and those that lie in the folder."""
    index, names = paths.roi_index(subset), set(names_in(paths.videos_folder(subset)))
    if index.exists():
        mend = f"run: {EXTRACT} {subset} --force"
        names |= set(read_cells(index, mend, mend, only=("filename",)).get("filename", ()))
    return {name for name in names if is_video(name)}


def names_in(folder: Path) -> list[str]:
    """Names that are not hidden; none where there is no folder. glob would find none in one that cannot be read."""
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []


def resolve(written: pd.Series, subset: str) -> tuple[pd.Series, pd.Series]:
    """The names of videos that a column of names means, and what is wrong with each, "" where nothing is.

    A name without suffix is that of the one video of `subset` that has it with a suffix, and with `SUFFIX` where there
    is none.
    """
    if all(map(ORDINARY.fullmatch, written.to_numpy())):
        return written, pd.Series("", written.index)
    found, bare = written.copy(), np.array([not is_video(name) for name in written])
    fits = _videos_by_stem(known_videos(subset)) if bare.any() else {}
    found[bare] = [_with_suffix(name, fits.get(name, [])) for name in written[bare]]
    problems = found.map(name_problem)
    for row in written.index[bare]:
        if len(several := fits.get(written[row], [])) > 1:
            problems[row] = f"may be {' or '.join(sorted(several))}: write it with its suffix"
    for row in problems.index[problems != ""][:1]:  # the one that a message shows
        problems[row] += hint([found[row]], known_videos(subset))
    return found, problems


def _videos_by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    fits = defaultdict(list)
    for name in names:
        fits[_stem(name)].append(name)
    return fits


def _with_suffix(name: str, fits: list[str]) -> str:
    if fits:
        return min(fits)
    return name if re.search(f"({OTHER_TYPE}| )$", name.lower()) else name + SUFFIX


def _stem(name: str) -> str:
    return name[: name.rindex(".")] if is_video(name) else name


SUFFIX_ALONE = "its suffix"
FOLDS: dict[str, Callable[[str], str]] = {  # what two names of one video differ in, and how it is evened out
    "the Unicode form of its letters": lambda name: unicodedata.normalize("NFC", name),
    "upper and lower case": str.casefold,
    "leading zeros": lambda name: re.sub(r"(?<![0-9])0+(?=[0-9])", "", name),
    "spaces": lambda name: re.sub(r"\s", "", name),
    SUFFIX_ALONE: _stem,
}


def _folded(name: str, but: Collection[str] = ()) -> str:
    for difference, fold in FOLDS.items():
        if difference not in but:
            name = fold(name)
    return name


def near(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Of the names, those that one of `others` is nearly, by name; each with the other one."""
    wanted = {name: _folded(name) for name in names}
    folded = {_folded(other): other for other in sorted(others, reverse=True)} if wanted else {}
    return {name: folded[form] for name, form in wanted.items() if form in folded}


def told_apart(name: str, other: str) -> str:
    """What a message says of a name and the other one that it nearly is."""
    same_suffix = name.removeprefix(_stem(name)).lower() == other.removeprefix(_stem(other)).lower()
    ignored = [SUFFIX_ALONE] * same_suffix  # or its case would be cut off with it
    differences = [what for what in FOLDS if _folded(name, [what, *ignored]) != _folded(other, [what, *ignored])]
    shown = other if other.isprintable() else ascii(other)
    return f"{shown} differs in {' and '.join(differences) or 'spelling'}"


def hint(names: Iterable[str], others: Iterable[str]) -> str:
    """Of names that are not among the others, what a message adds about the first that nearly is; or ""."""
    name, other = next(iter(near(names, others).items()), ("", ""))
    return f" ({name}: {told_apart(name, other)})" if name else ""
