"""Assign every training video to a fold.

    python preproc_data/r03_gen_kfold_split.py                       the winner's split: 5 folds, seed 42
    python preproc_data/r03_gen_kfold_split.py --group project_id    no project in two folds

Reads:  input/train_labels.csv, input/train_metadata.csv, modified_data/roi_parts/train.csv
Writes: modified_data/kfold_split_5_42.csv (folds and seed are in its name)
Time:   seconds
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise import cli, paths
from stagewise.commands import VERIFY_DATA
from stagewise.ending import ending, first_training
from stagewise.errors import InputError


def labelled_videos():
    """Labels with their metadata, a row each video that was extracted, in the labels' order.

    A column that both tables have is the metadata's, but for the label. Raises InputError where nothing is left,
    or a video has no metadata.
    """
    from stagewise.tables import read_labels, read_metadata, read_roi_index

    labels = read_labels(paths.input_folder() / "train_labels.csv")
    metadata = read_metadata(paths.input_folder() / "train_metadata.csv")
    index = read_roi_index(paths.roi_index("train"))
    labels = labels[labels["filename"].isin(index.loc[index["status"] == "ok", "filename"])]
    mend = f"to see all that does not fit, run: {VERIFY_DATA}"
    if labels.empty:
        raise InputError(f"no video of input/train_labels.csv has a volume; {mend}")
    without = labels.loc[~labels["filename"].isin(metadata["filename"]), "filename"].tolist()
    if without:
        raise InputError(
            f"{len(without)} labelled videos, first {without[0]}, have no row in input/train_metadata.csv; {mend}"
        )
    metadata = metadata.drop(columns="stalled", errors="ignore")
    return labels.drop(columns=metadata.columns.drop("filename"), errors="ignore").merge(metadata, on="filename")


def main() -> None:
    """Split, and say how many of each class came into each fold."""
    parser = cli.parser(__doc__, "seed", "dry-run", "force")
    parser.add_argument("--folds", type=cli.at_least(2), default=5, metavar="N", help="how many (default: 5)")
    parser.add_argument("--group", metavar="COLUMN", help="keep rows of the same value in this column together")
    parser.add_argument("--output", type=Path, metavar="CSV", help="write here instead")
    arguments = parser.parse_args()
    path = arguments.output or paths.split_csv(arguments.folds, arguments.seed)
    if path.is_dir():
        raise InputError(f"--output {path} is a folder; name a CSV file")
    following = first_training(argparse.Namespace(split=None if path == paths.split_csv() else path))
    if path.exists() and not arguments.force:
        raise InputError(
            f"{paths.shown(path)} is there already, and trainings may depend on it; replace it with --force\n"
            + ending([], following)
        )

    from stagewise.csv_text import OPEN
    from stagewise.splits import gen_kfold_split

    split = gen_kfold_split(labelled_videos(), arguments.folds, arguments.seed, arguments.group)
    print(split.groupby("fold")["stalled"].agg(videos="size", stalled="sum").to_string())
    if arguments.dry_run:
        print(f"would write {paths.shown(path)}")
        return
    paths.remove_leftovers(path.parent)
    with paths.replacing(path) as temporary:
        split.to_csv(temporary, index=False, compression="infer" if path.suffix in OPEN else None)
    if path != paths.split_csv():
        print(f"give every later script: --split {path}")
    print(ending([path], following))


if __name__ == "__main__":
    cli.run(main)
