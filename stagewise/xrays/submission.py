"""The submission: a row an image, all its objects in one text of run lengths."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.data.tables import read_table
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.recipes.mask_rules import FULL_SIDE
from stagewise.volumes.run_lengths import EMPTY, encoded

COLUMNS = ("ImageId", "EncodedPixels")
FORMAT_MEND = "put the competition's own file there, correct it, or remove it to answer all test images by name"


@dataclass(frozen=True)
class Submitted:
    """What was written: images, how many have a mask, and the pixels inside all masks."""

    images: int
    positives: int
    pixels: int


def images_asked_for(path: Path, known: Sequence[str]) -> list[str]:
    """The images to answer: those of the sample submission in its order, each once; without it all that are known.

    Stage 1's file had a row an object, so told how many there are; that is not used. path: where the file may be;
    known: the test images that were converted, or set aside. Raises InputError where it asks for another image.
    """
    if not path.exists():
        return sorted(known)
    asked = list(dict.fromkeys(read_table(path, COLUMNS[:1], FORMAT_MEND)[COLUMNS[0]].str.strip()))
    there = set(known)
    if unknown := [name for name in asked if name not in there]:
        others = f" and of {len(unknown) - 1} others" if len(unknown) > 1 else ""
        where = f"{paths.shown(path)} asks for the mask of {unknown[0]!r}{others}"
        raise InputError(f"{where}, which is no test image here; {FORMAT_MEND}")
    return asked


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
