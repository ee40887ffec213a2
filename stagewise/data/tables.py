"""CSV tables, read strictly: an error names the file, the line, what was found, and the mend.

What can be read in one way alone is read: a byte-order mark, any line ends, quotes, `;` or tabs between the cells, a
first line `sep=;`, decimal commas beside `;`, blank lines at the end, more columns than asked for, spaces around a
column's name, its case where the house knows it, columns without a name (left out), `1.0` for 1, words for labels,
names of videos without their suffix. Everything else is refused.

`read_table` gives text as it stands in the file; `stagewise.data.columns` turns single columns into values.
Compressed files (`.csv.xz`, `.csv.gz`) are read as well.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from stagewise.crops.roi_index import LATER, ROI_INDEX, ROI_SIZES, ROI_STATUS
from stagewise.data.columns import (
    LONGEST_SHOWN,
    blanks,
    booleans,
    labels,
    line_of,
    matching,
    probabilities,
    refuse_rows,
    require_values,
    whole_numbers,
    with_tiers,
)
from stagewise.data.video_names import names_in, resolve
from stagewise.files import paths
from stagewise.files.csv_text import read_cells
from stagewise.machine.freed_memory import give_back
from stagewise.messages.commands import EXTRACT, MAKE_PHANTOM
from stagewise.messages.errors import InputError

KNOWN = ("tier1", "micro", "project_id", "num_frames", "crowd_score")  # columns that a table may have
CLASSES = {0: "flowing", 1: "stalled"}  # what a label means
LABELS_MEND = f"put a table with the columns filename and stalled there, or, into an empty input/, run: {MAKE_PHANTOM}"
SHA256 = re.compile("[0-9a-f]{64}")
CORRECT_INPUT = "put the competition's own file there, or correct this one"


def read_table(
    path: Path,
    required: Sequence[str],
    mend: str,
    absent: str | None = None,
    may_be_blank: Sequence[str] = (),
    other_names: Mapping[str, str] = MappingProxyType({}),
    only: Collection[str] | None = None,
    numbers: Collection[str] = (),
) -> pd.DataFrame:
    """A CSV table as text, with its shape checked.

    required: columns that must be there and, but for those in `may_be_blank`, filled in every row; others are carried
    along, but for those of `KNOWN` that are blank in every row. absent: the mend where there is no such file, if it is
    another one. other_names: what a required column may be called instead, where it is not there by its own name. only:
    columns that are asked for beside those, in any case, by default all; numbers: as for `read_cells`.
    Returns: every column as str, rows 0, 1, 2, ... Raises InputError with `mend` at the end of its message.
    """
    frame = read_cells(path, mend, absent or mend, None if only is None else {*required, *only}, numbers)
    frame = _with_known_names(frame, (*required, *other_names.values()))
    frame = frame.rename(columns={other: name for name, other in other_names.items() if name not in frame})
    missing = [column for column in required if column not in frame.columns]
    if missing and only is not None:  # the message has all that is there
        return read_table(path, required, mend, absent, may_be_blank, other_names)
    if missing:
        found = ", ".join(name if name.isprintable() else ascii(name) for name in frame.columns)[:LONGEST_SHOWN]
        where = f"{paths.shown(path)}, line {line_of(frame, -1)}"
        raise InputError(f"{where}: no column {', '.join(missing)}; found {found}; {mend}")
    if frame.empty:
        raise InputError(f"{paths.shown(path)}: no rows after the header; {mend}")
    for column in [column for column in required if column not in may_be_blank]:
        refuse_rows(blanks(frame[column]), frame, column, "is blank", path, mend)
    known = [column for column in KNOWN if column in frame and column not in required]
    return frame.drop(columns=[column for column in known if not any(cell.strip() for cell in frame[column])])


def _with_known_names(frame: pd.DataFrame, required: Sequence[str]) -> pd.DataFrame:
    """The table with the names that are asked for, where one column alone has such a name but for its case."""
    fits = {
        column: [name for name in frame.columns if name.casefold() == column.casefold()]
        for column in (*required, *KNOWN)
        if column not in frame
    }
    return frame.rename(columns={names[0]: column for column, names in fits.items() if len(names) == 1})


def read_videos(
    path: Path,
    required: Sequence[str],
    mend: str,
    absent: str | None = None,
    may_be_blank: Sequence[str] = (),
    subset: str = "train",
    only: Collection[str] | None = None,
    numbers: Collection[str] = (),
) -> pd.DataFrame:
    """`read_table` of a table with a row a video: filename must hold names that videos may have, each once.

    subset: whose videos they are, `train` or `test`. Returns: filename as the video is called (a name without suffix
    gets that of the video that is there).
    """
    frame = read_table(path, ("filename", *required), mend, absent, may_be_blank, only=only, numbers=numbers)
    names, problems = resolve(frame["filename"], subset)
    if (problems != "").any():
        refuse_rows(problems != "", frame, "filename", problems[problems != ""].iloc[0], path, mend)
    twice = names.duplicated()
    if twice.any():
        first = line_of(frame, int(names.eq(names[twice].iloc[0]).argmax()))
        refuse_rows(twice, frame, "filename", f"stands there a second time, first in line {first}", path, mend)
    return frame.assign(filename=names)


def read_labels(
    path: Path, mend: str = CORRECT_INPUT, absent: str = LABELS_MEND, subset: str = "train"
) -> pd.DataFrame:
    """`train_labels.csv`: filename (str), stalled (int64, 1 stalled, 0 flowing); tier1 bool, where it is there."""
    frame = read_videos(path, ("stalled",), mend, absent, subset=subset)
    frame["stalled"] = labels(frame, path, mend)
    return with_tiers(frame, path, mend)


def read_submission_format(path: Path) -> pd.DataFrame:
    """`submission_format.csv`: filename, the videos to answer in their order; its stalled is a placeholder, never read.

    Returns: filename, and asked, the names as the file spells them.
    """
    asked = read_table(path, ("filename",), CORRECT_INPUT)["filename"]
    return read_videos(path, (), CORRECT_INPUT, subset="test").assign(asked=asked)


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
    if not paths.roi_index("test").exists() and not names_in(paths.videos_folder("test")):
        return pd.DataFrame({"filename": [], "asked": []}, dtype=str)
    names = read_roi_index(paths.roi_index("test"))["filename"].sort_values(ignore_index=True)
    return pd.DataFrame({"filename": names, "asked": names})


def read_metadata(path: Path, subset: str = "train", only: Collection[str] | None = None) -> pd.DataFrame:
    """`train_metadata.csv` or `test_metadata.csv`: filename, tier1 bool where it is there, other columns as text.

    only: of these the ones that are asked for, by default all.
    """
    return with_tiers(read_videos(path, (), CORRECT_INPUT, subset=subset, only=only), path, CORRECT_INPUT)


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


def read_roi_index(path: Path, kept: Collection[str] = ROI_INDEX) -> pd.DataFrame:
    """The extraction's table, a row a video.

    kept: the columns that are asked for; all are looked at. Returns: these, by default all of `ROI_INDEX` but those of
    `LATER`, which r01 alone has a use for; sizes (pixels, frames, bytes) int64, all 0 where status is "quarantined",
    which has its reason; y0, x0, y1, x1 is the crop's box, half open; sha256 is that of the volume's file.
    """
    command = f"run: {EXTRACT} {path.stem}"
    mend = f"{command} --force"
    columns, blank = [column for column in ROI_INDEX if column not in LATER], ("sha256", "reason")
    frame = read_videos(path, columns, mend, command, blank, path.stem, only=columns, numbers=ROI_SIZES)
    require_values(frame, "status", ROI_STATUS, path, mend)
    for column in ROI_SIZES:
        frame[column] = whole_numbers(frame, column, path, mend, minimum=0)
    ok = frame["status"] == "ok"
    refuse_rows(ok & ~matching(SHA256, frame["sha256"]), frame, "sha256", "is not a sha256", path, mend)
    for column in ("frames", "height", "width"):
        refuse_rows(ok & (frame[column] < 1), frame, column, "is less than 1", path, mend)
    frame = frame.drop(columns=[column for column in columns if column not in kept])
    give_back()  # what the others took
    return frame
