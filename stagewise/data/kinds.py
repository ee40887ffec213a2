"""What the rows of a split stand for: clips that are stalled or flowing, or images with or without a pneumothorax."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewise.data.tables import CLASSES
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import MAKE_SPLIT, MAKE_XRAY_SPLIT


@dataclass(frozen=True)
class Kind:
    """One kind of rows.

    label: the column of 0 and 1; classes: what the two are called; needed: those that every fold must have; clip, file:
    what a row is called as data, and as a file; own: where the recipe's own split lies; check: the script that checks a
    split; make: the command for a new one; tiers: whether rows have tiers, of which the last stage may read the first
    alone.
    """

    label: str
    classes: Mapping[int, str]
    needed: tuple[int, ...]
    clip: str
    file: str
    own: Callable[[], Path]
    check: str
    make: str
    tiers: bool


CLIPS = Kind(
    "stalled",
    CLASSES,
    (0, 1),
    "clip",
    "video",
    paths.split_csv,
    "preproc_data/r02_verify_data.py",
    MAKE_SPLIT,
    tiers=True,
)
XRAYS = Kind(
    "positive",
    {0: "negative", 1: "positive"},
    (1,),  # masks may be learned from images that all have one
    "image",
    "image",
    xray_paths.split_csv,
    "pneumothorax/r02_verify_data.py",
    MAKE_XRAY_SPLIT,
    tiers=False,
)
