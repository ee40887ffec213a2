"""Splits of the X-rays: the house's own, the winner's files, anyone's."""

from pathlib import Path

from stagewise.data.columns import booleans, whole_numbers
from stagewise.data.kinds import XRAYS
from stagewise.data.split_checks import require_learnable
from stagewise.data.splits import ALWAYS_TRAINED, Split, require_folds
from stagewise.data.tables import read_table
from stagewise.files import paths
from stagewise.xrays.image_names import image_names, refuse_twice

WINNERS_NAMES = {"filename": "fname", "positive": "exist_labels"}
WINNERS_FOLDS = {
    "stage_2": str(ALWAYS_TRAINED)
}  # the test images of stage 1, trained on in stage 2 and never validated


def read_xray_split(path: Path | None) -> Split:
    """Read and check a split CSV: filename, positive, fold; or the winner's own: fname, exist_labels, fold.

    path: None for the recipe's own split. filename is the image's name; its .png or .dcm is left out.
    Returns: a table of filename (str), positive and fold (int64), and what else the file has. Raises InputError naming
    file, line and mend, also where a fold, or what is left to train on beside it, has images of one class alone.
    """
    path, mend, absent = XRAYS.given_split(path)
    table = read_table(path, ("filename", "positive", "fold"), mend, absent, other_names=WINNERS_NAMES)
    table["filename"] = image_names(table, "filename", path, mend)
    refuse_twice(table, "filename", path, mend)
    table["positive"] = booleans(table, "positive", path, mend).astype("int64")
    table["fold"] = table["fold"].str.strip().replace(WINNERS_FOLDS)
    table["fold"] = whole_numbers(table, "fold", path, mend, minimum=ALWAYS_TRAINED)
    split = Split(path, paths.sha256_of(path), table, XRAYS)
    require_folds(split, mend)
    require_learnable(split, split.folds)
    return split
