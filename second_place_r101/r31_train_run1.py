"""Train run 1 of the second place: tier 1 videos, from random weights, three snapshots by epoch number.

    python second_place_r101/r31_train_run1.py                     every fold of the split
    python second_place_r101/r31_train_run1.py --fold 3 --gpu 1    one fold, beside another process that trains another

Reads:  modified_data/kfold_split_5_42.csv (or --split; with a column tier1), modified_data/roi_parts/train/
Writes: models/second_place_r101_run1/fold_<k>/
Time:   a week a fold on the winner's V100; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.r101 import PRESETS, R101
from stagewise.training.stage import train_stage

STAGE = replace(R101, name="second_place_r101_run1")


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="second_place_r101/r32_train_run2.py")


if __name__ == "__main__":
    cli.run(main)
