"""The videos that a split is made of: labels, with what else is known of them."""

import pandas as pd

from stagewise.data.tables import read_labels, read_metadata, read_roi_index
from stagewise.data.video_names import hint
from stagewise.files import paths
from stagewise.messages.commands import VERIFY_DATA
from stagewise.messages.errors import InputError


def labelled_videos() -> pd.DataFrame:
    """Labels with their metadata, where there is any, a row each video that was extracted, in the labels' order.

    A column that both tables have is the metadata's, but for the label. Raises InputError where nothing is left,
    or a video has no metadata where others do.
    """
    labels = read_labels(paths.input_folder() / "train_labels.csv")
    index = read_roi_index(paths.roi_index("train"))
    mend = f"to see all that does not fit, run: {VERIFY_DATA}"
    whole = index.loc[index["status"] == "ok", "filename"]
    known = labels["filename"].isin(whole)
    near = hint(labels.loc[~known, "filename"], whole)
    if not known.any():
        raise InputError(f"no video of input/train_labels.csv has a volume{near}; {mend}")
    if not known.all():
        print(f"{sum(~known)} labelled videos have no volume and are left out{near}")
    labels, path = labels[known], paths.input_folder() / "train_metadata.csv"
    if not path.exists():
        return labels
    metadata = read_metadata(path)
    without = labels.loc[~labels["filename"].isin(metadata["filename"]), "filename"].tolist()
    if without:
        raise InputError(
            f"{len(without)} labelled videos, first {without[0]}, have no row in input/train_metadata.csv"
            f"{hint(without, metadata['filename'])}; {mend}"
        )
    metadata = metadata.drop(columns="stalled", errors="ignore")
    return labels.drop(columns=metadata.columns.drop("filename"), errors="ignore").merge(metadata, on="filename")
