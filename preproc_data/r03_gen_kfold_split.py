"""Assign every training video to a fold.

    python preproc_data/r03_gen_kfold_split.py                       the winner's split: 5 folds, seed 42
    python preproc_data/r03_gen_kfold_split.py --stratify            for rare classes: as many in each fold
    python preproc_data/r03_gen_kfold_split.py --group project_id    no project in two folds

Reads:  input/train_labels.csv, input/train_metadata.csv if it is there, modified_data/roi_parts/train.csv
Writes: modified_data/kfold_split_5_42.csv (folds and seed are in its name)
Time:   seconds
Expect: both classes in every fold; where a fold would lack one, nothing is written, and what helps is named
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import first_training
from stagewise.data.split_writing import require_free, write_split
from stagewise.files import paths


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "seed", "dry-run", "force")
    parser.add_argument("--folds", type=cli.at_least(2), default=5, metavar="N", help="how many (default: 5)")
    parser.add_argument("--group", metavar="COLUMN", help="keep rows of the same value in this column together")
    parser.add_argument(
        "--stratify",
        nargs="?",
        const="stalled",
        metavar="COLUMN,...",
        help="spread the values of these columns evenly over the folds (without a name: stalled)",
    )
    parser.add_argument("--output", type=Path, metavar="CSV", help="write here instead")
    return parser.parse_args()


def main() -> None:
    """Split, and say how many of each class came into each fold."""
    arguments = arguments_given()
    path = arguments.output or paths.split_csv(arguments.folds, arguments.seed)
    following = first_training(argparse.Namespace(split=None if path == paths.split_csv() else path))
    require_free(path, arguments.force, following)

    from stagewise.data.fold_making import FoldMaking, gen_kfold_split
    from stagewise.data.labelled import labelled_videos
    from stagewise.data.split_checks import require_trainable

    stratify = tuple(name.strip() for name in (arguments.stratify or "").split(",") if name.strip())
    making = FoldMaking(arguments.folds, arguments.seed, arguments.group, stratify)
    split = gen_kfold_split(labelled_videos(), making)
    output = ["--output", str(arguments.output)] if arguments.output else []
    require_trainable(split, making, output + ["--force"] * arguments.force)
    print(split.groupby("fold")["stalled"].agg(videos="size", stalled="sum").to_string())
    if "tier1" not in split:
        print("no table has a column tier1: every video is of tier 1")
    if arguments.dry_run:
        print(f"would write {paths.shown(path)}")
        return
    write_split(split, path, path == paths.split_csv(), following)


if __name__ == "__main__":
    cli.run(main)
