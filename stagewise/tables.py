"""CSV tables, read strictly: an error names the file, the line, what was found, and the mend.

What can be read in one way alone is read: a byte-order mark, any line ends, quotes, `;` or tabs between the cells,
blank lines at the end, more columns than asked for, spaces around a column's name, columns without a name (left
out), `1.0` for 1. Everything else is refused.

`read_table` gives text as it stands in the file; the functions after it turn single columns into values.
Row `i` of a table is line `i + 2` of its file. Compressed files (`.csv.xz`, `.csv.gz`) are read as well.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise import paths
from stagewise.commands import EXTRACT
from stagewise.csv_text import read_cells
from stagewise.errors import INPUT_MEND, InputError
from stagewise.names import name_problem
from stagewise.roi_index import ROI_INDEX, ROI_SIZES, ROI_STATUS

TRAIN_METADATA = ("filename", "project_id", "num_frames", "crowd_score", "tier1")
TEST_METADATA = ("filename", "num_frames")
CLASSES = {0: "flowing", 1: "stalled"}  # what a label means
LONGEST_SHOWN = 300  # characters of a table in a message
CORRECT_INPUT = "put the competition's own file there, or correct this one"


def read_table(
    path: Path, required: Sequence[str], mend: str, absent: str | None = None, may_be_blank: Sequence[str] = ()
) -> pd.DataFrame:
    """A CSV table as text, with its shape checked.

    required: columns that must be there and, but for those in `may_be_blank`, filled in every row; others are
    carried along. absent: the mend where there is no such file, if it is another one.
    Returns: every column as str, rows 0, 1, 2, ... Raises InputError with `mend` at the end of its message.
    """
    frame = read_cells(path, mend, absent or mend)
    missing = [column for column in required if column not in frame.columns]
    if missing:
        found = ", ".join(name if name.isprintable() else ascii(name) for name in frame.columns)[:LONGEST_SHOWN]
        raise InputError(f"{paths.shown(path)}, line 1: no column {', '.join(missing)}; found {found}; {mend}")
    if frame.empty:
        raise InputError(f"{paths.shown(path)}: no rows after the header; {mend}")
    for column in [column for column in required if column not in may_be_blank]:
        _refuse_rows(frame[column].str.strip() == "", frame, column, "is blank", path, mend)
    return frame


def read_videos(
    path: Path, required: Sequence[str], mend: str, absent: str | None = None, may_be_blank: Sequence[str] = ()
) -> pd.DataFrame:
    """`read_table` of a table with a row a video: filename must hold names that videos may have, each once."""
    frame = read_table(path, ("filename", *required), mend, absent, may_be_blank)
    names = frame["filename"]
    problems = names.map(name_problem)
    if (problems != "").any():
        _refuse_rows(problems != "", frame, "filename", problems[problems != ""].iloc[0], path, mend)
    twice = names.duplicated()
    if twice.any():
        first = int(names.eq(names[twice].iloc[0]).argmax()) + 2
        _refuse_rows(twice, frame, "filename", f"stands there a second time, first in line {first}", path, mend)
    return frame


def require_values(frame: pd.DataFrame, column: str, allowed: Sequence[object], path: Path, mend: str) -> None:
    """Raise InputError at the first row whose value is not among `allowed`."""
    expected = ", ".join(map(str, allowed))[:LONGEST_SHOWN]
    _refuse_rows(~frame[column].isin(list(allowed)), frame, column, f"is not one of {expected}", path, mend)


def booleans(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of True/False or 1/0, in any case, as bool; InputError at the first other value."""
    known = {"true": True, "1": True, "false": False, "0": False}
    values = frame[column].str.strip().str.lower().map(known)
    _refuse_rows(values.isna(), frame, column, "is neither True nor False", path, mend)
    return values.astype(bool)


def numbers(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of finite numbers, `.` before decimals, as float64; InputError at the first other value."""
    values = pd.to_numeric(frame[column], errors="coerce").astype(np.float64)
    _refuse_rows(~np.isfinite(values), frame, column, "is not a number", path, mend)
    return values


def probabilities(frame: pd.DataFrame, column: str, path: Path, mend: str) -> pd.Series:
    """A column of numbers of 0-1, as float64; InputError at the first other value."""
    values = numbers(frame, column, path, mend)
    _refuse_rows(~values.between(0, 1), frame, column, "is outside 0-1", path, mend)
    return values


def whole_numbers(frame: pd.DataFrame, column: str, path: Path, mend: str, minimum: int | None = None) -> pd.Series:
    """A column of whole numbers, none below `minimum`, as int64 (`1.0` is 1); InputError at another."""
    values = numbers(frame, column, path, mend)
    unlike = (values != values.round()) | (values.abs() >= 2**53)  # beyond it a float64 skips whole numbers
    _refuse_rows(unlike, frame, column, "is not a whole number", path, mend)
    if minimum is not None:
        _refuse_rows(values < minimum, frame, column, f"is less than {minimum}", path, mend)
    return values.astype(np.int64)


def labels(frame: pd.DataFrame, path: Path, mend: str) -> pd.Series:
    """The column stalled as int64, 1 stalled or 0 flowing; InputError at the first other value."""
    mend = f"it must be 1 (stalled) or 0 (flowing); {mend}"
    checked = frame.assign(stalled=whole_numbers(frame, "stalled", path, mend))
    require_values(checked, "stalled", (0, 1), path, mend)
    return checked["stalled"]


def read_labels(path: Path, mend: str = CORRECT_INPUT, absent: str = INPUT_MEND) -> pd.DataFrame:
    """`train_labels.csv`: filename (str), stalled (int64, 1 stalled, 0 flowing)."""
    frame = read_videos(path, ("stalled",), mend, absent)
    frame["stalled"] = labels(frame, path, mend)
    return frame


def read_submission_format(path: Path) -> pd.DataFrame:
    """`submission_format.csv`: filename, the videos to answer in their order; its stalled is a placeholder, never read.

    Returns: filename, and asked, the names as the file spells them.
    """
    frame = read_videos(path, (), CORRECT_INPUT, INPUT_MEND)
    return frame.assign(asked=frame["filename"])


def videos_to_answer() -> pd.DataFrame:
    """The test videos to answer: those of submission_format.csv in its order, or without it all of them by name.

    Returns: filename, the video's own name, which its volume and every table of answers go by; asked, the name as
    submission_format.csv spells it, which submission.csv repeats (without that file it is the video's own). Videos
    that were quarantined, or have no volume for another reason, are among them. No rows where there is no test set.
    Raises InputError where a table cannot be read, or videos are there and r01 has not been run on them.
    """
    path = paths.input_folder() / "submission_format.csv"
    if path.exists():
        return read_submission_format(path)[["filename", "asked"]]
    if not paths.roi_index("test").exists() and not any(paths.videos_folder("test").glob("[!.]*")):
        return pd.DataFrame({"filename": [], "asked": []}, dtype=str)
    names = read_roi_index(paths.roi_index("test"))["filename"].sort_values(ignore_index=True)
    return pd.DataFrame({"filename": names, "asked": names})


def read_metadata(path: Path, required: Sequence[str] = TRAIN_METADATA) -> pd.DataFrame:
    """`train_metadata.csv`, or with `TEST_METADATA` `test_metadata.csv`.

    Returns: num_frames int64, crowd_score float64 (the belief in "stalled", 0-1), tier1, micro and nano
    bool, those of them that are there; every other column as text.
    """
    mend = CORRECT_INPUT
    frame = read_videos(path, required, mend, INPUT_MEND)
    if "num_frames" in frame:
        frame["num_frames"] = whole_numbers(frame, "num_frames", path, mend, minimum=1)
    if "crowd_score" in frame:
        frame["crowd_score"] = probabilities(frame, "crowd_score", path, mend)
    for column in ("tier1", "micro", "nano"):
        if column in frame:
            frame[column] = booleans(frame, column, path, mend)
    return frame


def read_oof_table(path: Path, mend: str, absent: str | None = None) -> pd.DataFrame:
    """r41's answers out of fold, a row a clip.

    Returns: filename; stalled, fold int64; probability, unflipped float64 of 0-1; where the projects are known
    project_id (str, "" for a clip of none) and, where every row has it, project_seen bool.
    """
    frame = read_videos(path, ("stalled", "fold", "probability", "unflipped"), mend, absent)
    frame["stalled"] = labels(frame, path, mend)
    frame["fold"] = whole_numbers(frame, "fold", path, mend, minimum=0)
    for column in ("probability", "unflipped"):
        frame[column] = probabilities(frame, column, path, mend)
    if "project_seen" in frame and (frame["project_seen"] != "").all():
        frame["project_seen"] = booleans(frame, "project_seen", path, mend)
    else:
        frame = frame.drop(columns="project_seen", errors="ignore")
    return frame


def read_roi_index(path: Path) -> pd.DataFrame:
    """The extraction's table, a row a video.

    Returns: columns `ROI_INDEX`; sizes (pixels, frames, bytes) int64, all 0 where status is "quarantined", which
    has its reason; y0, x0, y1, x1 is the crop's box, half open; sha256 is that of the volume's file.
    """
    command = f"run: {EXTRACT} {path.stem}"
    mend = f"{command} --force"
    frame = read_videos(path, ROI_INDEX, mend, command, may_be_blank=("sha256", "reason"))
    require_values(frame, "status", ROI_STATUS, path, mend)
    for column in ROI_SIZES:
        frame[column] = whole_numbers(frame, column, path, mend, minimum=0)
    ok = frame["status"] == "ok"
    _refuse_rows(ok & ~frame["sha256"].str.fullmatch("[0-9a-f]{64}"), frame, "sha256", "is not a sha256", path, mend)
    for column in ("frames", "height", "width"):
        _refuse_rows(ok & (frame[column] < 1), frame, column, "is less than 1", path, mend)
    return frame


def _refuse_rows(bad: pd.Series, frame: pd.DataFrame, column: str, problem: str, path: Path, mend: str) -> None:
    """InputError about the first row where `bad` is true."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        others = f" (and {int(bad.sum()) - 1} more lines)" if bad.sum() > 1 else ""
        value = str(frame[column].iloc[row])[:LONGEST_SHOWN]
        raise InputError(f"{paths.shown(path)}, line {row + 2}: {column} {value!r} {problem}{others}; {mend}")
