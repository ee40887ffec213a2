"""Checks of all data against each other: every problem is collected, none ends the search."""

from pathlib import Path

import pandas as pd
from tqdm import tqdm

from stagewise import paths
from stagewise.errors import InputError
from stagewise.findings import Data
from stagewise.table_checks import check_leaks, check_split, check_test, check_train, labelled_volumes
from stagewise.tables import (
    TEST_METADATA,
    read_labels,
    read_metadata,
    read_roi_index,
    read_submission_format,
)
from stagewise.volumes import extraction_command, file_sha256, load_volume
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
    for subset in paths.SUBSETS:
        if data.has(f"{subset}_volumes"):
            _check_files(data, subset)
            _check_volumes(data, subset, workers)
            _check_frame_counts(data, subset)
    check_train(data)
    check_test(data)
    check_leaks(data)
    check_split(data, split)
    return data


def usable_volumes(data: Data) -> pd.DataFrame:
    """Rows of the extraction's tables, train and test, whose volume passed."""
    tables = [data.tables[name] for name in ("train_volumes", "test_volumes") if data.has(name)]
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
        groups |= {f"fold {fold}": rows for fold, rows in split.groupby("fold")}
    return groups


def _check_files(data: Data, subset: str) -> None:
    """Videos, the index, and the folder of volumes name the same files."""
    index = data.tables[f"{subset}_volumes"]
    command = f"run: {extraction_command(paths.volume_path(subset, ''))}"
    videos = {path.name for path in paths.videos_folder(subset).glob("[!.]*") if path.suffix.lower() == ".mp4"}
    volumes = {path.name.removesuffix(".pklz") for path in paths.roi_folder(subset).glob("[!.]*.pklz")}
    data.find(f"{subset} videos that were not extracted", videos - set(index["filename"]), command)
    data.find(f"{subset} volumes without a row in the index", volumes - data.names(f"{subset}_volumes"), command)
    bad = index[index["status"] == "quarantined"]
    labelled = [f"{name} ({reason})" for name, reason in zip(bad["filename"], bad["reason"], strict=True)]
    data.find(f"{subset} videos quarantined", labelled, f"replace them and {command}", optional=True)


def _check_volumes(data: Data, subset: str, workers: int) -> None:
    """Every volume is whole, and is what the index says."""
    index = data.tables[f"{subset}_volumes"]
    rows = index[index["status"] == "ok"].to_dict("records")
    with WorkerPool(workers) as pool:
        checked = pool.in_order(_volume_problem, [(subset, row) for row in rows])
        progress = tqdm(checked, total=len(rows), desc=f"{subset} volumes", unit="volume")
        problems = {row["filename"]: problem for (_, row), problem in progress if problem}
    data.damaged |= problems.keys()
    command = f"run: {extraction_command(paths.volume_path(subset, ''))}"
    data.find(
        f"{subset} volumes that cannot be used", [f"{name} ({problem})" for name, problem in problems.items()], command
    )


def _volume_problem(task: tuple[str, dict]) -> str:
    """What is wrong with one volume, or nothing."""
    subset, row = task
    path = paths.volume_path(subset, row["filename"])
    try:
        shape = load_volume(path).shape
    except InputError as error:
        return str(error).split(": ", 1)[1].rpartition("; ")[0]
    if shape[:3] != (row["frames"], row["height"], row["width"]):
        return f"its shape {shape} is not the index's"
    return "changed since its extraction" if file_sha256(path) != row["sha256"] else ""


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
