"""The converted images of a split's rows, and their masks: all of them there."""

from pathlib import Path

import pandas as pd

from stagewise.data.splits import Split
from stagewise.data.video_names import hint, names_in
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import CONVERT_DICOM
from stagewise.messages.errors import InputError


def images_of(rows: pd.DataFrame, split: Split) -> tuple[Path, ...]:
    """The training images of rows of a split (filename, positive), in their order.

    Raises InputError naming the first that are not there, or whose mask is not, or whose mask is there though the split
    says that it has none.
    """
    images = tuple(xray_paths.image_path("train", name) for name in rows["filename"])
    _refuse(images, {path.stem for path in _folder(images) if path.suffix == ".png"}, "image", split)
    masks = tuple(map(xray_paths.mask_path, rows["filename"]))
    there = {path.stem for path in _folder(masks)}
    positive = [mask for mask, label in zip(masks, rows["positive"], strict=True) if label]
    _refuse(positive, there, "mask", split)
    stray = [mask for mask, label in zip(masks, rows["positive"], strict=True) if not label and mask.stem in there]
    if stray:
        raise InputError(
            f"{paths.shown(split.path)} says that {len(stray)} images, first {stray[0].stem}, have no mask, and "
            f"{paths.shown(stray[0])} is there; correct the split, or run: {CONVERT_DICOM} train"
        )
    return images


def _folder(files: tuple[Path, ...]) -> list[Path]:
    folder = files[0].parent if files else None
    return list(folder.iterdir()) if folder is not None and folder.is_dir() else []


def _refuse(wanted: tuple[Path, ...] | list[Path], there: set[str], what: str, split: Split) -> None:
    missing = [path.stem for path in wanted if path.stem not in there]
    if missing:
        folder = wanted[0].parent
        near = hint(missing, [name.removesuffix(".png") for name in names_in(folder)])
        raise InputError(
            f"no {what} {missing[0]}.png{f' and {len(missing) - 1} more' * (len(missing) > 1)} in "
            f"{paths.shown(folder)}{near}, which {paths.shown(split.path)} asks for; run: {CONVERT_DICOM} train"
        )
