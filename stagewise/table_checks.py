"""Checks of the tables against each other: labels, metadata, volumes, split, submission format."""

from pathlib import Path

import pandas as pd

from stagewise import paths
from stagewise.commands import EXTRACT, MAKE_SPLIT
from stagewise.errors import INPUT_MEND
from stagewise.findings import Data
from stagewise.splits import ALWAYS_TRAINED, read_split
from stagewise.tables import CLASSES


def check_train(data: Data) -> None:
    """Labels, metadata and volumes of the training videos."""
    if not data.has("train_labels", "train_volumes"):
        return
    labels, known = data.names("train_labels"), set(data.tables["train_volumes"]["filename"])
    data.find("train videos without a label", known - labels, "add them to input/train_labels.csv", optional=True)
    mend = f"put the videos into input/train and run: {EXTRACT} train"
    data.find("labels without a train video", labels - known, mend, optional=True)
    if data.has("train_metadata"):
        without = (labels & known) - data.names("train_metadata")
        data.find("labelled train videos without metadata", without, "add them to input/train_metadata.csv")


def check_test(data: Data) -> None:
    """Submission format, metadata and volumes name the same test videos."""
    if not data.has("submission_format"):
        return
    asked = data.names("submission_format")
    if data.has("test_metadata"):
        known = data.names("test_metadata")
        data.find("submission_format names without test metadata", asked - known, INPUT_MEND)
        data.find("test metadata without a row in submission_format", known - asked, INPUT_MEND)
    if data.has("test_volumes"):
        volumes = data.names("test_volumes")
        mend = f"put whole videos into input/test and run: {EXTRACT} test"
        data.find("submission_format names without a test volume", asked - volumes, mend)
        data.find("test volumes that submission_format does not ask for", volumes - asked, INPUT_MEND, optional=True)


def check_leaks(data: Data) -> None:
    """No test video among the training videos, by name or by content, and no video twice."""
    mend = f"take them out of input/train and its tables, and run: {EXTRACT} train"
    train = set().union(*(data.names(t) for t in ("train_labels", "train_volumes") if data.has(t)))
    test = set().union(*(data.names(t) for t in ("submission_format", "test_volumes") if data.has(t)))
    data.find("test names among the training names", train & test, mend)
    indexes = [data.tables[t].assign(subset=t) for t in ("train_volumes", "test_volumes") if data.has(t)]
    if not indexes:
        return
    volumes = pd.concat(indexes, ignore_index=True).query("status == 'ok'")
    shared = volumes[volumes.groupby("sha256")["subset"].transform("nunique") > 1]
    data.find("crops that are in train and in test", shared["filename"], mend)
    twice = volumes[volumes.duplicated(["subset", "sha256"], keep=False) & ~volumes.index.isin(shared.index)]
    data.find("equal crops under several names", twice["filename"], "keep one of each", optional=True)


def check_split(data: Data, path: Path | None) -> None:
    """The split against labels and volumes, and both classes in every fold."""
    if path is None and not paths.split_csv().exists():
        if data.has("train_labels", "train_volumes"):
            data.notes.append("no split yet")
            _check_classes(data, "the labelled volumes", labelled_volumes(data))
        return
    data.read("split", lambda path: read_split(path).table, path)
    if not data.has("split"):
        return
    split, mend = data.tables["split"], f"correct {path}" if path else f"make the split again: {MAKE_SPLIT} --force"
    for fold, rows in split.groupby("fold"):
        where = "the rows that are always trained on" if fold == ALWAYS_TRAINED else f"fold {fold}"
        _check_classes(data, where, rows, required=fold != ALWAYS_TRAINED)
    if data.has("train_volumes"):
        data.find("split rows without a volume", data.names("split") - data.names("train_volumes"), mend)
    if data.has("train_labels"):
        merged = split.merge(data.tables["train_labels"], on="filename", suffixes=("", "_label"))
        unlike = merged.loc[merged["stalled"] != merged["stalled_label"], "filename"]
        data.find("split rows that contradict train_labels.csv", unlike, mend)
    if data.has("submission_format"):
        test_rows = data.names("split") & data.names("submission_format")
        data.find("test names in the split", test_rows, mend)


def labelled_volumes(data: Data) -> pd.DataFrame:
    """Labels of the videos that have a volume."""
    labels = data.tables.get("train_labels", pd.DataFrame({"filename": [], "stalled": []}))
    return labels[labels["filename"].isin(data.names("train_volumes") if data.has("train_volumes") else [])]


def _check_classes(data: Data, where: str, rows: pd.DataFrame, required: bool = True) -> None:
    counts = {name: int((rows["stalled"] == value).sum()) for value, name in CLASSES.items()}
    data.notes.append(f"{where}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    missing = [name for name, count in counts.items() if required and not count]
    data.find(f"{where} without a video of class", missing, "add videos of it, or use fewer folds")
