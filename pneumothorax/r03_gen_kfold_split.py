"""Assign every training image to a fold, with as many of a pneumothorax in each.

    python pneumothorax/r03_gen_kfold_split.py              5 folds, seed 42
    python pneumothorax/r03_gen_kfold_split.py --folds 3

Reads:  modified_data/xrays/train.csv
Writes: modified_data/xrays/kfold_split_5_42.csv (folds and seed are in its name): filename, positive, fold
Time:   seconds
Expect: both classes in every fold. The winner's own folds come from no code; give his file, or yours, with --split
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command
from stagewise.data.split_writing import require_free, write_split
from stagewise.files import paths, xray_paths
from stagewise.messages.errors import InputError


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "seed", "dry-run", "force")
    parser.add_argument("--folds", type=cli.at_least(2), default=5, metavar="N", help="how many (default: 5)")
    parser.add_argument("--output", type=Path, metavar="CSV", help="write here instead")
    return parser.parse_args()


def main() -> None:
    """Split, and say how many of each class came into each fold."""
    arguments = arguments_given()
    path = arguments.output or xray_paths.split_csv(arguments.folds, arguments.seed)
    own = path.absolute() == xray_paths.split_csv()
    following = command("pneumothorax/r31_train_albunet_public.py", argparse.Namespace(split=None if own else path))
    require_free(path, arguments.force, following)

    from stagewise.data.fold_making import FoldMaking, gen_kfold_split
    from stagewise.data.kinds import XRAYS
    from stagewise.data.split_flaws import flaws, shown
    from stagewise.xrays.tables import labelled_images

    making = FoldMaking(arguments.folds, arguments.seed, stratify=(XRAYS.label,))
    split = gen_kfold_split(labelled_images(), making, XRAYS)
    if found := flaws(split, range(arguments.folds), XRAYS):
        raise InputError(f"nothing could be trained on these folds: {shown(found)}; ask for fewer with --folds")
    print(split.groupby("fold")["positive"].agg(images="size", positive="sum").to_string())
    if arguments.dry_run:
        print(f"would write {paths.shown(path)}")
        return
    write_split(split, path, own, following)


if __name__ == "__main__":
    cli.run(main)
