"""Checks of all data against each other: every problem is collected, none ends the search."""

import argparse
from pathlib import Path

import pandas as pd

from stagewise.checks.findings import Data, end_with, write_problems
from stagewise.checks.table_checks import (
    TEST_VIDEOS_MEND,
    check_frame_counts,
    check_leaks,
    check_split,
    check_test,
    check_train,
    check_train_metadata,
    labelled_volumes,
)
from stagewise.checks.volume_checks import check_pack, check_shard, check_volumes
from stagewise.console.ending import command, ending
from stagewise.crops.input_videos import passed_over
from stagewise.data.tables import read_labels, read_metadata, read_roi_index, read_submission_format
from stagewise.data.video_names import names_in
from stagewise.files import paths
from stagewise.files.names import is_video
from stagewise.files.shards import Shard, files_of_shards
from stagewise.machine.workers import WorkerPool
from stagewise.messages.commands import EXTRACT, VERIFY_DATA

METADATA = ("tier1", "project_id", "num_frames")  # the columns that something is checked by
OPTIONAL_TABLES = (  # name, reader and its further arguments, what it means where the table is not there
    ("train_metadata", read_metadata, ("train", METADATA), "the labels' columns are all that is known of the videos"),
    ("test_metadata", read_metadata, ("test", METADATA), ""),
    ("submission_format", read_submission_format, (), ""),
)
INDEX = ("filename", "frames", "height", "width", "frames_with_outline", "sha256", "status", "reason")


def verify(split: Path | None, workers: int) -> Data:
    """Check volumes and tables.

    split: a split CSV to check as well; None for the recipe's own, if it is there.
    """
    data = Data()
    _read_tables(data)
    with WorkerPool(workers) as pool:
        for subset in paths.SUBSETS:
            if data.has(f"{subset}_volumes"):
                _check_files(data, subset)
                if check_pack(data, subset):
                    check_volumes(data, subset, pool)
                _note_outlines(data, subset)
                check_frame_counts(data, subset)
                _note_doubts(data, subset)
    check_tables(data, split)
    return data


def check_tables(data: Data, split: Path | None) -> None:
    """Check the tables against each other, once the volumes have been looked at."""
    check_train(data)
    check_train_metadata(data)
    check_test(data)
    check_leaks(data)
    for name in [f"{subset}_volumes" for subset in paths.SUBSETS if data.has(f"{subset}_volumes")]:
        data.tables[name] = data.tables[name].drop(columns="sha256")  # 70 MiB of half a million, and of no further use
    check_split(data, split)
    _note_giveaways(data)


def verify_shard(shard: Shard, workers: int) -> Data:
    """Check a shard's volumes; all else is for the command that gathers."""
    data = Data()
    for subset in paths.SUBSETS:
        if paths.roi_index(subset).exists() or subset == "train":
            data.read(f"{subset}_volumes", read_roi_index, paths.roi_index(subset), INDEX)
    with WorkerPool(workers) as pool:
        for subset in paths.SUBSETS:
            if data.has(f"{subset}_volumes") and check_pack(data, subset):
                check_shard(data, subset, pool, shard)
    return data


def end_shard(arguments: argparse.Namespace, problems: Path) -> None:
    """r02 for a shard, to its end: the tables and pictures are for the command that gathers, which is said."""
    data = verify_shard(arguments.shard, arguments.workers)
    print(*data.notes, sep="\n")
    write_problems(problems := arguments.shard.file(problems), data.findings)
    split = ["--split", str(arguments.split)] * bool(arguments.split)
    following = command(VERIFY_DATA.removeprefix("python "), arguments, *split)
    end_with(data.findings, problems, ending([problems.parent], following), bool(arguments.keep_going))


def _read_tables(data: Data) -> None:
    """The input's tables, of which only the labels must be there, and the extraction's."""
    folder = paths.input_folder()
    data.read("train_labels", read_labels, folder / "train_labels.csv")
    for name, reader, arguments, without in OPTIONAL_TABLES:
        path = folder / f"{name}.csv"
        if path.exists():
            data.read(name, reader, path, *arguments)
        elif without:
            data.notes.append(f"no {paths.shown(path)}: {without}")
    data.read("train_volumes", read_roi_index, paths.roi_index("train"), INDEX)
    if paths.roi_index("test").exists() or names_in(paths.videos_folder("test")):
        data.read("test_volumes", read_roi_index, paths.roi_index("test"), INDEX)
        if not (folder / "submission_format.csv").exists():
            data.notes.append(
                "no input/submission_format.csv: all test videos are answered, in the order of their names"
            )
    elif data.has("submission_format"):
        what = "submission_format names without a test volume"
        data.find(what, data.names("submission_format"), TEST_VIDEOS_MEND, optional=True)
    else:
        data.notes.append("no test set: training and scores out of fold, and no answers")


def usable_volumes(data: Data) -> pd.DataFrame:
    """Rows of the extraction's tables, train and test, whose volume passed, with their subset."""
    names = {f"{subset}_volumes": subset for subset in paths.SUBSETS}
    tables = [data.tables[name].assign(subset=subset) for name, subset in names.items() if data.has(name)]
    rows = pd.concat(tables) if tables else pd.DataFrame({"filename": [], "status": []})
    return rows[(rows["status"] == "ok") & ~rows["filename"].isin(data.damaged)]


def unanswerable(data: Data) -> set[str]:
    """The test videos that are asked for and have no whole volume, so that r42 could not answer them."""
    table = next((table for table in ("submission_format", "test_volumes") if data.has(table)), None)
    asked = set(data.tables[table]["filename"]) if table else set()
    return asked - (data.names("test_volumes") - data.damaged if data.has("test_volumes") else set())


def labelled_groups(data: Data) -> dict[str, pd.DataFrame]:
    """Labelled training videos whose volume passed: all of them, and by fold where there is a split."""
    if (labelled := _labelled(data)).empty:
        return {}
    groups = {"all": labelled}
    if data.has("split"):
        split = data.tables["split"]
        split = split[split["filename"].isin(labelled["filename"])]
        groups |= {f"fold {fold}": rows for fold, rows in split.groupby("fold")}
    return groups


def _labelled(data: Data) -> pd.DataFrame:
    """Labelled training videos whose volume passed."""
    labelled = labelled_volumes(data)
    return labelled[~labelled["filename"].isin(data.damaged)]


def _check_files(data: Data, subset: str) -> None:
    """Videos, the index, and the folder of volumes name the same files; nothing in training hangs on those of test."""
    index, test = data.tables[f"{subset}_volumes"], subset == "test"
    command = f"run: {EXTRACT} {subset}"
    videos = {name for name in names_in(paths.videos_folder(subset)) if is_video(name)}
    files = () if paths.packed_volumes(paths.roi_folder(subset)).exists() else names_in(paths.roi_folder(subset))
    volumes = {name.removesuffix(".pklz") for name in files if name.endswith(".pklz")}
    data.find(f"{subset} videos that were not extracted", videos - set(index["filename"]), command, test)
    parts = [path.name for path in files_of_shards(paths.roi_index(subset)).values()]
    data.find(f"shards of the extraction of {subset} that are not gathered", parts, command, test)
    unknown = volumes - data.names(f"{subset}_volumes") if not parts else ()  # else they are the shards'
    folder = paths.shown(paths.roi_folder(subset))
    data.find(f"{subset} volumes without a row in the index", unknown, f"delete them from {folder}", test)
    bad = index[index["status"] == "quarantined"]
    labelled = [f"{name} ({reason})" for name, reason in zip(bad["filename"], bad["reason"], strict=True)]
    data.find(f"{subset} videos quarantined", labelled, f"replace them and {command}", optional=True)
    data.notes += [f"{subset}: passed over: {line}" for line in passed_over(subset)]


def _note_giveaways(data: Data) -> None:
    """What sizes and grey level of the labelled volumes that passed tell of their labels."""
    from stagewise.checks.giveaways import MEASURES, giveaway_notes  # 80 MiB of scikit-learn, after all that need more

    if (labelled := _labelled(data)).empty:
        return
    volumes = data.tables["train_volumes"][["filename", *MEASURES]]
    table = labelled[["filename", "stalled"]].merge(volumes, on="filename")
    known = data.first_with("project_id", "train_metadata", "train_labels")
    if known is not None:
        table = table.merge(known[["filename", "project_id"]], on="filename", how="left")
        table["project_id"] = table["project_id"].fillna("").str.strip()
    data.notes += giveaway_notes(table)


def _note_outlines(data: Data, subset: str) -> None:
    index = data.tables[f"{subset}_volumes"]
    partly = int((index["frames_with_outline"] < index["frames"]).sum())
    data.notes.append(f"{subset}: {partly} of {len(index)} videos have frames without outline")


def _note_doubts(data: Data, subset: str) -> None:
    """Crops whose box was in doubt; a note, since each has the reason why it was cut all the same."""
    index = data.tables[f"{subset}_volumes"].query("status == 'ok'")
    doubted = index[index["reason"] != ""]
    if len(doubted):
        first = f"first {doubted['filename'].iloc[0]} ({doubted['reason'].iloc[0]})"
        data.notes.append(f"{subset}: {len(doubted)} of {len(index)} crops in doubt, {first}")
