"""What the rows of a split stand for: clips that are stalled or flowing, or images with or without a pneumothorax."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewise.data.tables import CLASSES
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import MAKE_SPLIT, MAKE_XRAY_SPLIT, typed


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

    def given_split(self, path: Path | None) -> tuple[Path, str, str]:
        """The file that a user names, None for the recipe's own; what mends a bad one, and what mends none.

        It is seen from the working directory or, where none is there, from the root.
        """
        if path is None:
            return self.own(), f"correct it, or run: {self.make} --force", f"run: {self.make}"
        inside = paths.root() / path
        path = inside if inside.exists() and not path.exists() else path
        mend = f"correct it, or leave --split out for the split of: {self.make}"
        return path, mend, f"run: {self.make} --output {shlex.quote(typed(path))}"


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
