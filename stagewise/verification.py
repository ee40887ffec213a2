"""Checks of all data against each other: every problem is collected, none ends the search."""

from pathlib import Path

import pandas as pd

from stagewise import paths
from stagewise.commands import EXTRACT
from stagewise.findings import Data
from stagewise.names import SUFFIX
from stagewise.progress import progress
from stagewise.table_checks import check_leaks, check_split, check_test, check_train, labelled_volumes
from stagewise.tables import (
    TEST_METADATA,
    read_labels,
    read_metadata,
    read_roi_index,
    read_submission_format,
)
from stagewise.volumes import ExpectedVolume, volume_problem
from stagewise.workers import WorkerPool


def verify(split: Path | None, workers: int) -> Data:
    """Check volumes and tables.

    split: a split CSV to check as well; None for the recipe's own, if it is there.
    """
    data, folder = Data(), paths.input_folder()
    data.read("train_labels", read_labels, folder / "train_labels.csv")
    data.read("train_metadata", read_metadata, folder / "train_metadata.csv")
    data.read("test_metadata", read_metadata, folder / "test_metadata.csv", TEST_METADATA)
    data.read("submission_format", read_submission_format, folder / "submission_format.csv")
    for subset in paths.SUBSETS:
        data.read(f"{subset}_volumes", read_roi_index, paths.roi_index(subset))
    with WorkerPool(workers) as pool:
        for subset in paths.SUBSETS:
            if data.has(f"{subset}_volumes"):
                _check_files(data, subset)
                _check_volumes(data, subset, pool)
                _check_frame_counts(data, subset)
                _note_doubts(data, subset)
    check_train(data)
    check_test(data)
    check_leaks(data)
    check_split(data, split)
    return data


def usable_volumes(data: Data) -> pd.DataFrame:
    """Rows of the extraction's tables, train and test, whose volume passed, with their subset."""
    names = {f"{subset}_volumes": subset for subset in paths.SUBSETS}
    tables = [data.tables[name].assign(subset=subset) for name, subset in names.items() if data.has(name)]
    rows = pd.concat(tables) if tables else pd.DataFrame({"filename": [], "status": []})
    return rows[(rows["status"] == "ok") & ~rows["filename"].isin(data.damaged)]


def labelled_groups(data: Data) -> dict[str, pd.DataFrame]:
    """Labelled training videos whose volume passed: all of them, and by fold where there is a split."""
    labelled = labelled_volumes(data)
    labelled = labelled[~labelled["filename"].isin(data.damaged)]
    if labelled.empty:
        return {}
    groups = {"all": labelled}
    if data.has("split"):
        split = data.tables["split"]
        split = split[split["filename"].isin(labelled["filename"])]
        groups |= {f"fold {fold}": rows for fold, rows in split.groupby("fold")}
    return groups


def _check_files(data: Data, subset: str) -> None:
    """Videos, the index, and the folder of volumes name the same files."""
    index = data.tables[f"{subset}_volumes"]
    command = f"run: {EXTRACT} {subset}"
    videos = {name for name in _names_in(paths.videos_folder(subset)) if name.lower().endswith(SUFFIX)}
    volumes = {name.removesuffix(".pklz") for name in _names_in(paths.roi_folder(subset)) if name.endswith(".pklz")}
    data.find(f"{subset} videos that were not extracted", videos - set(index["filename"]), command)
    unknown, folder = volumes - data.names(f"{subset}_volumes"), paths.shown(paths.roi_folder(subset))
    data.find(f"{subset} volumes without a row in the index", unknown, f"delete them from {folder}")
    bad = index[index["status"] == "quarantined"]
    labelled = [f"{name} ({reason})" for name, reason in zip(bad["filename"], bad["reason"], strict=True)]
    data.find(f"{subset} videos quarantined", labelled, f"replace them and {command}", optional=True)


def _names_in(folder: Path) -> list[str]:
    """Names that are not hidden; none where there is no folder. glob would find none in one that cannot be read."""
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []


def _check_volumes(data: Data, subset: str, pool: WorkerPool) -> None:
    """Every volume is whole, and is what the index says."""
    index = data.tables[f"{subset}_volumes"].query("status == 'ok'")
    columns = (index[name].tolist() for name in ("filename", "frames", "height", "width", "sha256"))
    expected = [
        ExpectedVolume(paths.volume_path(subset, filename), tuple(size), sha256)
        for filename, *size, sha256 in zip(*columns, strict=True)
    ]
    problems = {}
    with progress(len(expected), f"checking {subset}", "volumes") as line:
        for volume, problem in pool.in_order(volume_problem, expected):
            if problem:
                problems[volume.path.stem] = problem
            line.advance()
    data.damaged |= problems.keys()
    command = f"run: {EXTRACT} {subset}"
    listed = [f"{name} ({problem})" for name, problem in problems.items()]
    data.find(f"{subset} volumes that cannot be used", listed, command)


def _check_frame_counts(data: Data, subset: str) -> None:
    """Frames decoded against frames promised; a note, since the competition's own counts may be approximate."""
    index = data.tables[f"{subset}_volumes"]
    if data.has(f"{subset}_metadata"):
        merged = index[index["status"] == "ok"].merge(data.tables[f"{subset}_metadata"], on="filename")
        unequal = merged.loc[merged["frames"] != merged["num_frames"], "filename"]
        shown = f", first {unequal.iloc[0]}" if len(unequal) else ""
        data.notes.append(f"{subset}: {len(unequal)} volumes differ from the metadata's num_frames{shown}")
    partly = int((index["frames_with_outline"] < index["frames"]).sum())
    data.notes.append(f"{subset}: {partly} of {len(index)} videos have frames without outline")


def _note_doubts(data: Data, subset: str) -> None:
    """Crops whose box was in doubt; a note, since each has the reason why it was cut all the same."""
    index = data.tables[f"{subset}_volumes"].query("status == 'ok'")
    doubted = index[index["reason"] != ""]
    if len(doubted):
        first = f"first {doubted['filename'].iloc[0]} ({doubted['reason'].iloc[0]})"
        data.notes.append(f"{subset}: {len(doubted)} of {len(index)} crops in doubt, {first}")
