"""The submission: a row an image, all its objects in one text of run lengths."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.tables import read_table
from stagewise.files import paths, xray_paths
from stagewise.messages.errors import InputError
from stagewise.recipes.mask_rules import FULL_SIDE
from stagewise.volumes.run_lengths import EMPTY, encoded
from stagewise.xrays.image_names import image_names
from stagewise.xrays.tables import read_conversion_index

COLUMNS = ("ImageId", "EncodedPixels")
FORMAT_MEND = "put the competition's own file there, correct it, or remove it to answer all test images by name"


@dataclass(frozen=True)
class Submitted:
    """What was written: images, how many have a mask, and the pixels inside all masks."""

    images: int
    positives: int
    pixels: int


def images_asked_for(path: Path, known: Sequence[str]) -> pd.DataFrame:
    """The images to answer: those of the sample submission in its order, each once; without it all that are known.

    Stage 1's file had a row an object, so told how many there are; that is not used. path: where the file may be;
    known: the test images that were converted, or set aside. Returns: filename, without suffix; asked, as the file
    first spells it. Raises InputError where it asks for another image.
    """
    if not path.exists():
        return pd.DataFrame({"filename": sorted(known), "asked": sorted(known)}, dtype=str)
    table = read_table(path, COLUMNS[:1], FORMAT_MEND)
    names = image_names(table, COLUMNS[0], path, FORMAT_MEND)
    asked = pd.DataFrame({"filename": names, "asked": table[COLUMNS[0]].str.strip()})
    asked = asked.drop_duplicates("filename", ignore_index=True)
    there = set(known)
    if unknown := [name for name in asked["filename"] if name not in there]:
        others = f" and of {len(unknown) - 1} others" if len(unknown) > 1 else ""
        where = f"{paths.shown(path)} asks for the mask of {unknown[0]!r}{others}"
        raise InputError(f"{where}, which is no test image here; {FORMAT_MEND}")
    return asked


def images_to_answer() -> pd.DataFrame:
    """The test images in the order of the submission: filename, sizes, sha256, why one was set aside, or "", and asked.

    asked: of `images_asked_for`, whose InputError it raises, or that of the conversion's table.
    """
    index = read_conversion_index("test")
    asked = images_asked_for(xray_paths.sample_submission(), index["filename"].tolist())
    return asked.merge(index[["filename", "height", "width", "sha256", "reason"]], on="filename", how="left")


def side_of(table: pd.DataFrame) -> int:
    """The side of the test images in pixels, which is that of their masks, too.

    table: their filename, height and width, of one image or more. Raises InputError where they are not all square and
    of one size, naming one that is unlike most.
    """
    most = table[["height", "width"]].value_counts().index[0]
    unlike = table[(table["height"] != most[0]) | (table["width"] != most[1])]
    if len(unlike) or most[0] != most[1]:
        other = (unlike if len(unlike) else table).iloc[0]
        raise InputError(
            f"a submission's masks are square and of one size, most images here have {most[1]} x {most[0]} pixels, and "
            f"{paths.shown(xray_paths.image_path('test', other['filename']))} has {other['width']} x "
            f"{other['height']}; resize it before r01, or leave it out of input/xrays/"
        )
    return int(most[0])


def write_masks(path: Path, names: Sequence[str], masks: Iterable[np.ndarray], side: int = FULL_SIDE) -> Submitted:
    """Write the submission, whole or not at all, one mask at a time in memory.

    names: of the images, each once; masks: (side, side) bool, one a name. Raises ValueError where they do not fit.
    """
    if len(set(names)) != len(names):
        raise ValueError("an image would have two rows")
    positives = pixels = 0
    with paths.replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for name, mask in zip(names, masks, strict=True):
            if mask.shape != (side, side):
                raise ValueError(f"the mask of {name} is of {mask.shape}, not {side}x{side}")
            text = encoded(mask)
            positives, pixels = positives + (text != EMPTY), pixels + int(np.count_nonzero(mask))
            table.writerow((name, text))
    return Submitted(len(names), positives, pixels)
