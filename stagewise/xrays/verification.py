"""Checks of all X-rays against their tables: every problem is collected, none ends the search."""

from pathlib import Path

import pandas as pd

from stagewise.checks.findings import Data
from stagewise.data.kinds import XRAYS
from stagewise.data.splits import ALWAYS_TRAINED
from stagewise.files import paths, xray_paths
from stagewise.machine.workers import WorkerPool
from stagewise.messages.commands import CONVERT_DICOM, MAKE_XRAY_SPLIT
from stagewise.messages.errors import InputError
from stagewise.messages.progress import progress
from stagewise.xrays.dicom_files import list_dicoms, passed_over, subsets_there
from stagewise.xrays.examining import ExpectedImage, examine
from stagewise.xrays.mask_table import MaskTable, read_mask_table
from stagewise.xrays.splits import read_xray_split
from stagewise.xrays.submission import images_asked_for, side_of
from stagewise.xrays.tables import read_conversion_index

AGAIN = f"run: {CONVERT_DICOM}"


def verify(split: Path | None, masks: Path | None, workers: int) -> Data:
    """Check images, masks and tables. split: a split CSV to check as well; masks: a second mask table to compare."""
    data, tables = Data(), {}
    _read_masks(data, tables, "masks", xray_paths.mask_table())
    if masks is not None:
        _read_masks(data, tables, "others", masks)
    for subset in subsets_there():
        data.read(subset, read_conversion_index, subset)
    with WorkerPool(workers) as pool:
        for subset in paths.SUBSETS:
            if data.has(subset):
                _check_files(data, subset)
                _check_images(data, subset, tables.get("masks"), pool)
                _note_sizes(data, subset)
    if "masks" in tables:
        _check_masks(data, tables["masks"], tables.get("others"))
    if data.has("test"):
        _check_submission(data)
    _check_leaks(data)
    _check_split(data, split)
    return data


def usable_images(data: Data) -> pd.DataFrame:
    """Rows of the training images' table that passed, with positive (0 or 1)."""
    if not data.has("train"):
        return pd.DataFrame({"filename": [], "mask_pixels": [], "positive": []})
    table = data.tables["train"].query("status == 'ok'")
    table = table[~table["filename"].isin(data.damaged)]
    return table.assign(positive=(table["mask_pixels"] > 0).astype("int64"))


def _read_masks(data: Data, tables: dict[str, MaskTable], name: str, path: Path) -> None:
    try:
        tables[name] = read_mask_table(path)
    except InputError as error:
        data.find_unread(error)


def _check_files(data: Data, subset: str) -> None:
    """DICOM files, the index and the folder of images name the same; nothing in training hangs on those of test."""
    index, test, mend = data.tables[subset], subset == "test", f"{AGAIN} {subset}"
    try:
        data.find(
            f"{subset} files that were not converted", set(list_dicoms(subset)) - set(index["filename"]), mend, test
        )
    except InputError as error:
        data.find_unread(error, optional=test)
    folder = xray_paths.images_folder(subset)
    images = {path.stem for path in folder.glob("[!.]*.png")} if folder.exists() else set()
    unknown = images - data.names(subset)
    data.find(f"{subset} images without a row in the index", unknown, f"delete them from {paths.shown(folder)}", test)
    bad = index[index["status"] == "quarantined"]
    told = [f"{name} ({reason})" for name, reason in zip(bad["filename"], bad["reason"], strict=True)]
    data.find(f"{subset} files quarantined", told, f"replace them and {mend}", optional=True)
    data.notes += [f"{subset}: passed over: {line}" for line in passed_over(subset)]


def _check_images(data: Data, subset: str, masks: MaskTable | None, pool: WorkerPool) -> None:
    """Every image and mask is whole, and is what the index and the mask table say."""
    rows = data.tables[subset].query("status == 'ok'")
    images = masks.images if masks and subset == "train" else {}
    expected = [
        ExpectedImage(
            xray_paths.image_path(subset, row.filename),
            xray_paths.mask_path(row.filename),
            (row.height, row.width),
            row.sha256,
            row.mask_sha256,
            images.get(row.filename),
        )
        for row in rows.itertuples()
    ]
    problems, overlaps = {}, []
    with progress(len(expected), f"checking {subset}", "images") as line:
        for task, (problem, overlap) in pool.in_order(examine, expected):
            if problem:
                problems[task.image.stem] = problem
            overlaps += [overlap] * (overlap > 0)
            line.advance()
    data.damaged |= problems.keys()
    listed = [f"{name} ({problem})" for name, problem in problems.items()]
    data.find(f"{subset} images that cannot be used", listed, f"{AGAIN} {subset}", optional=subset == "test")
    if overlaps:
        data.notes.append(
            f"{subset}: in {len(overlaps)} images objects overlap, over {sum(overlaps)} pixels; the masks are united"
        )


def _note_sizes(data: Data, subset: str) -> None:
    sizes = data.tables[subset].query("status == 'ok'").groupby(["width", "height"]).size()
    if len(sizes) > 1:
        shown = ", ".join(f"{count} of {width} x {height}" for (width, height), count in sizes.items())
        data.notes.append(f"{subset}: images of different sizes: {shown}")


def _check_masks(data: Data, masks: MaskTable, others: MaskTable | None) -> None:
    """The mask table against the files that are there, and against another table."""
    if data.has("train"):
        table = paths.shown(masks.path)
        absent = set(masks.images) - set(data.tables["train"]["filename"])
        told = [f"{name} (line {masks.images[name].lines[0]})" for name in absent]
        data.find(f"{table} has rows of images that are not there", told, "put their files there", optional=True)
        usable = usable_images(data)
        positive = int(usable["positive"].sum())
        data.notes.append(
            f"train: {len(usable)} images, {positive} of them positive ({positive / max(len(usable), 1):.1%})"
        )
    if others is not None:
        what = f"{paths.shown(masks.path)} and {paths.shown(others.path)} disagree about images"
        data.find(what, masks.unlike(others), "correct one of them")


def _check_submission(data: Data) -> None:
    """What r42 would refuse: an image asked for that is not there, or several sizes; training hangs on neither."""
    images = data.tables["test"]
    try:
        asked = images_asked_for(xray_paths.sample_submission(), images["filename"].tolist())
        images = images[images["filename"].isin(asked["filename"])]
    except InputError as error:
        data.find_unread(error, optional=True)
    if len(images := images.query("status == 'ok'")):
        try:
            side_of(images)
        except InputError as error:
            data.find_unread(error, optional=True)


def _check_leaks(data: Data) -> None:
    if data.has("train", "test"):
        data.find("test names among the training names", data.names("train") & data.names("test"), "keep one of each")
        both = data.tables["train"].merge(data.tables["test"], on="sha256", suffixes=("", "_test"))
        same = [f"{row.filename} ({row.filename_test})" for row in both[both["status"] == "ok"].itertuples()]
        data.find("images that are in train and in test", same, "keep one of each")


def _check_split(data: Data, path: Path | None) -> None:
    """The split against the images and their masks."""
    if path is None and not xray_paths.split_csv().exists():
        data.notes.append("no split yet")
        return
    try:
        split = read_xray_split(path)
    except InputError as error:
        data.find_unread(error)
        return
    data.tables["split"] = split.table
    data.notes += [_fold_note(int(fold), rows) for fold, rows in split.table.groupby("fold")]
    if not data.has("train"):
        return
    mend = f"correct {path}" if path else f"make the split again: {MAKE_XRAY_SPLIT} --force"
    data.find("split rows without an image", data.names("split") - data.names("train"), mend)
    merged = split.table.merge(usable_images(data), on="filename", suffixes=("", "_mask"))
    unlike = merged.loc[merged["positive"] != merged["positive_mask"], "filename"]
    data.find("split rows that contradict the masks", unlike, mend)
    left = sorted(data.names("train") - data.names("split"))
    data.note_left_out("training images", left, path, MAKE_XRAY_SPLIT)


def _fold_note(fold: int, rows: pd.DataFrame) -> str:
    where = "the rows that are always trained on" if fold == ALWAYS_TRAINED else f"fold {fold}"
    counts = (f"{int((rows['positive'] == value).sum())} {name}" for value, name in XRAYS.classes.items())
    return f"{where}: {', '.join(counts)}"
