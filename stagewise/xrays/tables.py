"""The conversion's table, read."""

import pandas as pd

from stagewise.data.columns import refuse_rows, require_values, whole_numbers
from stagewise.data.tables import read_table
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import CONVERT_DICOM
from stagewise.messages.errors import InputError
from stagewise.xrays.conversion_index import CONVERSION_INDEX, CONVERSION_STATUS, COUNTS, SHA256
from stagewise.xrays.image_names import image_names, refuse_twice

MAY_BE_BLANK = ("photometric", *SHA256, "reason")


def read_conversion_index(subset: str) -> pd.DataFrame:
    """The table of `train` or `test`, a row a DICOM file; InputError naming line and mend.

    Returns: columns `CONVERSION_INDEX`; those of `COUNTS` int64, all 0 where status is "quarantined", which has its
    reason; sha256 and mask_sha256 are those of the PNG files, the second blank without a pneumothorax.
    """
    path, command = xray_paths.index(subset), f"run: {CONVERT_DICOM} {subset}"
    mend = f"{command} --force"
    frame = read_table(path, CONVERSION_INDEX, mend, command, MAY_BE_BLANK)
    frame["filename"] = image_names(frame, "filename", path, mend)
    refuse_twice(frame, "filename", path, mend)
    require_values(frame, "status", CONVERSION_STATUS, path, mend)
    for column in COUNTS:
        frame[column] = whole_numbers(frame, column, path, mend, minimum=0)
    ok = frame["status"] == "ok"
    refuse_rows(ok & ~frame["sha256"].str.fullmatch("[0-9a-f]{64}"), frame, "sha256", "is not a sha256", path, mend)
    return frame


def labelled_images() -> pd.DataFrame:
    """The training images, in the order of the conversion's table: filename, positive (0 or 1).

    Raises InputError where there is none.
    """
    table: pd.DataFrame = read_conversion_index("train").query("status == 'ok'")
    if table.empty:
        raise InputError(
            f"{paths.shown(xray_paths.index('train'))} has no image that is ok; run: {CONVERT_DICOM} train"
        )
    positive = (table["mask_pixels"] > 0).astype("int64")
    return table[["filename"]].assign(positive=positive).reset_index(drop=True)
