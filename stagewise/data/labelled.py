"""The videos that a split is made of: labels, with what else is known of them."""

import pandas as pd

from stagewise.data.columns import with_points
from stagewise.data.tables import read_labels, read_metadata, read_roi_index
from stagewise.data.video_names import hint
from stagewise.files import paths
from stagewise.messages.commands import VERIFY_DATA
from stagewise.messages.errors import InputError

NUMBERS = ("num_frames", "crowd_score")  # of the columns that a table of metadata may have


def labelled_videos() -> pd.DataFrame:
    """Labels with their metadata, where there is any, a row each video that was extracted, in the labels' order.

    A column that both tables have is the metadata's, but for the label. Raises InputError where nothing is left,
    or a video has no metadata where others do.
    """
    mend = f"to see all that does not fit, run: {VERIFY_DATA}"
    labels = _extracted(read_labels(paths.input_folder() / "train_labels.csv"), mend)
    path = paths.input_folder() / "train_metadata.csv"
    if not path.exists():
        return labels
    metadata = read_metadata(path)
    places = pd.Index(metadata["filename"]).get_indexer(labels["filename"])
    if (places < 0).any():
        without = labels.loc[places < 0, "filename"].tolist()
        raise InputError(
            f"{len(without)} labelled videos, first {without[0]}, have no row in input/train_metadata.csv"
            f"{hint(without, metadata['filename'])}; {mend}"
        )
    columns = metadata.columns.drop(["filename", "stalled"], errors="ignore")
    table = labels.drop(columns=columns, errors="ignore").reset_index(drop=True)
    for column in columns.intersection(NUMBERS):  # a split is a table with commas between its cells
        metadata[column] = with_points(metadata, column)
    for column in columns:  # one after the other, so that half a million rows are not held twice
        table[column] = metadata.pop(column).array.take(places)
    return table


def _extracted(labels: pd.DataFrame, mend: str) -> pd.DataFrame:
    """The labels of the videos that have a volume. Raises InputError where none has."""
    index = read_roi_index(paths.roi_index("train"), ("filename", "status"))
    whole = index.loc[index["status"] == "ok", "filename"]
    known = labels["filename"].isin(whole)
    near = hint(labels.loc[~known, "filename"], whole)
    if not known.any():
        raise InputError(f"no video of input/train_labels.csv has a volume{near}; {mend}")
    if not known.all():
        print(f"{sum(~known)} labelled videos have no volume and are left out{near}")
    return labels[known]
