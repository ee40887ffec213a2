"""Checks of the tables against each other: labels, metadata, volumes, split, submission format."""

from functools import partial
from pathlib import Path

import pandas as pd

from stagewise.checks.findings import Data
from stagewise.data.columns import whole_numbers
from stagewise.data.split_checks import WITHOUT_TIER1, mend_of
from stagewise.data.split_flaws import flaws
from stagewise.data.splits import ALWAYS_TRAINED, Split, read_split
from stagewise.data.tables import CLASSES, KNOWN
from stagewise.files import paths
from stagewise.messages.commands import EXTRACT, MAKE_SPLIT
from stagewise.messages.errors import InputError

TEST_VIDEOS_MEND = f"put whole videos into input/test and run: {EXTRACT} test"


def check_train(data: Data) -> None:
    """Labels and volumes of the training videos."""
    if not data.has("train_labels", "train_volumes"):
        return
    labels, known = data.names("train_labels"), frozenset(data.tables["train_volumes"]["filename"])
    mend = f"put the videos into input/train and run: {EXTRACT} train"
    alike = data.find_absent("labels without a train video", labels, known, mend, optional=True)
    mend = "add them to input/train_labels.csv"
    data.find("train videos without a label", known - labels - alike, mend, optional=True)


def check_train_metadata(data: Data) -> None:
    """Metadata of all labelled training videos, where there is metadata."""
    if data.has("train_labels", "train_volumes", "train_metadata"):
        labels, known = data.tables["train_labels"]["filename"], data.tables["train_volumes"]["filename"]
        what, mend = "labelled train videos without metadata", "add them to input/train_metadata.csv"
        data.find_absent(what, labels[labels.isin(known)], data.names("train_metadata"), mend)


def check_test(data: Data) -> None:
    """Submission format, metadata and volumes name the same test videos; nothing in training hangs on them."""
    if not data.has("submission_format"):
        return
    asked = data.names("submission_format")
    if data.has("test_metadata"):
        known, mend = data.names("test_metadata"), "correct input/test_metadata.csv, or take it away"
        alike = data.find_absent("submission_format names without test metadata", asked, known, mend, True, True)
        data.find("test metadata without a row in submission_format", known - asked - alike, mend, optional=True)
    if data.has("test_volumes"):
        volumes = data.names("test_volumes")
        what = "submission_format names without a test volume"
        alike = data.find_absent(what, asked, volumes, TEST_VIDEOS_MEND, True, True)
        what, mend = "test volumes that submission_format does not ask for", "add them there, or take that table away"
        data.find(what, volumes - asked - alike, mend, optional=True)


def check_frame_counts(data: Data, subset: str) -> None:
    """Frames decoded against frames promised by the metadata, where it has num_frames, in every row or in some."""
    name, index = f"{subset}_metadata", data.tables[f"{subset}_volumes"]
    if not data.has(name) or "num_frames" not in data.tables[name]:
        return
    path, table = paths.input_folder() / f"{name}.csv", data.tables[name]
    table = table[table["num_frames"].str.strip() != ""]
    try:
        promised = table.assign(num_frames=whole_numbers(table, "num_frames", path, "correct it", minimum=1))
    except InputError as error:
        data.find_unread(error, optional=True)
        return
    decoded = index.loc[index["status"] == "ok", ["filename", "frames"]]
    merged = decoded.merge(promised[["filename", "num_frames"]], on="filename")
    unequal = merged[merged["frames"] != merged["num_frames"]].itertuples()
    listed = [f"{row.filename} (has {row.frames}, num_frames is {row.num_frames})" for row in unequal]
    mend = f"put the whole videos into input/{subset} and run: {EXTRACT} {subset}; or correct {paths.shown(path)}"
    data.find(f"{subset} videos with more or fewer frames than the metadata says", listed, mend, optional=True)


def check_leaks(data: Data) -> None:
    """No test video among the training videos, by name or by content, and no video twice."""
    mend = f"take them out of input/train and its tables, and run: {EXTRACT} train"
    test = frozenset().union(*(data.names(t) for t in ("submission_format", "test_volumes") if data.has(t)))
    in_both = (test & data.names(t) for t in ("train_labels", "train_volumes") if data.has(t))
    data.find("test names among the training names", frozenset().union(*in_both), mend)
    indexes = {t: data.tables[t] for t in ("train_volumes", "test_volumes") if data.has(t)}
    if not indexes:
        return
    whole = [
        index.loc[index["status"] == "ok", ["filename", "sha256"]].assign(subset=t) for t, index in indexes.items()
    ]
    volumes = pd.concat(whole, ignore_index=True)
    alike = volumes[volumes.duplicated("sha256", keep=False)]  # few, or none
    shared = alike[alike.groupby("sha256")["subset"].transform("nunique") > 1]
    data.find("crops that are in train and in test", shared["filename"], mend)
    twice = alike[alike.duplicated(["subset", "sha256"], keep=False) & ~alike.index.isin(shared.index)]
    data.find("equal crops under several names", twice["filename"], "keep one of each", optional=True)


def check_split(data: Data, path: Path | None) -> None:
    """The split against labels and volumes, and both classes in every fold, as every stage reads it."""
    if path is None and not paths.split_csv().exists():
        if data.has("train_labels", "train_volumes"):
            data.notes.append("no split yet")
            _check_classes(data, labelled_volumes(data))
        return
    try:
        split = read_split(path, KNOWN)
    except InputError as error:
        data.find_unread(error)
        return
    data.tables["split"] = split.table[["filename", "stalled", "fold"]]
    _note_folds(data, split)
    _find_unread_columns(data, split)
    mend = f"correct {path}" if path else f"make the split again: {MAKE_SPLIT} --force"
    if found := flaws(split.table, split.folds):
        data.find("the split cannot be trained on", found, mend_of(split, found))
    if data.has("train_volumes"):
        data.find_absent("split rows without a volume", split.table["filename"], data.names("train_volumes"), mend)
    if data.has("train_labels"):
        tables = (table[["filename", "stalled"]] for table in (split.table, data.tables["train_labels"]))
        merged = pd.merge(*tables, on="filename", suffixes=("", "_label"))
        unlike = merged.loc[merged["stalled"] != merged["stalled_label"], "filename"]
        data.find("split rows that contradict train_labels.csv", unlike, mend)
        labelled = labelled_volumes(data)["filename"]
        left = labelled[~labelled.isin(split.table["filename"])].tolist()
        data.note_left_out("labelled videos", left, path, MAKE_SPLIT)
    if data.has("submission_format"):
        test_rows = data.names("split") & data.names("submission_format")
        first = "" if path else "take them out of input/train_labels.csv and "
        data.find("test names in the split", test_rows, first + mend)


def _find_unread_columns(data: Data, split: Split) -> None:
    """Columns by which another recipe than the first chooses its rows, read as it would read them."""
    readers = {"crowd_score": partial(split.surely_stalled, 0), "micro": split.micro}
    for column in filter(split.table.__contains__, readers):
        try:
            readers[column]()
        except InputError as error:
            data.find_unread(error, optional=True)


def _note_folds(data: Data, split: Split) -> None:
    """How many clips of each class are in each fold, and what the split does not say."""
    for fold, rows in split.table[["stalled", "fold"]].assign(tier1=split.tier1).groupby("fold"):
        where = "the rows that are always trained on" if fold == ALWAYS_TRAINED else f"fold {fold}"
        tier1 = f"; of tier 1: {_counts(rows[rows['tier1']])}" if not rows["tier1"].all() else ""
        data.notes.append(f"{where}: {_counts(rows)}{tier1}")
    if split.note:
        known = data.first_with("tier1", "train_metadata") is not None
        data.notes.append(split.note + ", though input/train_metadata.csv has one" * known)


def labelled_volumes(data: Data) -> pd.DataFrame:
    """Labels of the videos that have a volume."""
    labels = data.tables.get("train_labels", pd.DataFrame({"filename": [], "stalled": []}))
    index = data.tables.get("train_volumes", pd.DataFrame({"filename": [], "status": []}))
    return labels[labels["filename"].isin(index.loc[index["status"] == "ok", "filename"])]


def _check_classes(data: Data, rows: pd.DataFrame) -> None:
    """Both classes among the labelled volumes, and in tier 1, where a table has it."""
    parts = [("the labelled volumes", rows, "add videos of it")]
    known = data.first_with("tier1", "train_metadata", "train_labels")
    if known is not None:
        of_tier1 = rows[rows["filename"].isin(known.loc[known["tier1"], "filename"])]
        parts.append(("the labelled volumes of tier 1", of_tier1, f"correct tier1, or {WITHOUT_TIER1}"))
    for where, chosen, mend in parts:
        data.notes.append(f"{where}: {_counts(chosen)}")
        missing = [name for value, name in CLASSES.items() if not (chosen["stalled"] == value).any()]
        data.find(f"{where} without a video of class", missing, mend)


def _counts(rows: pd.DataFrame) -> str:
    return ", ".join(f"{int((rows['stalled'] == value).sum())} {name}" for value, name in CLASSES.items())
