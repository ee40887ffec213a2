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
from stagewise.console.ending import ending, first_training
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.errors import InputError


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
    if path.is_dir():
        raise InputError(f"--output {path} is a folder; name a CSV file")
    following = first_training(argparse.Namespace(split=None if path == paths.split_csv() else path))
    if path.exists() and not arguments.force:
        raise InputError(
            f"{paths.shown(path)} is there already, and trainings may depend on it; replace it with --force\n"
            + ending([], following)
        )

    from stagewise.data.fold_making import FoldMaking, gen_kfold_split
    from stagewise.data.labelled import labelled_videos
    from stagewise.data.split_checks import require_trainable
    from stagewise.files.csv_text import OPEN

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
    remove_leftovers(path.parent)
    with paths.replacing(path) as temporary:
        split.to_csv(temporary, index=False, compression="infer" if path.suffix in OPEN else None)
    if path != paths.split_csv():
        print(f"give every later script: --split {path}")
    print(ending([path], following))


if __name__ == "__main__":
    cli.run(main)
