"""Train run 2 of the second place: from run 1's snapshot of epoch 515, with the surely stalled videos of tier 2.

    python second_place_r101/r32_train_run2.py                     every fold of the split
    python second_place_r101/r32_train_run2.py --fold 3 --gpu 1    one fold, beside another process that trains another

Reads:  modified_data/kfold_split_5_42.csv (or --split; with columns tier1 and crowd_score),
        modified_data/roi_parts/train/, models/second_place_r101_run1/fold_<k>/
Writes: models/second_place_r101_run2/fold_<k>/
Time:   a week a fold on the winner's V100; the same command goes on after an interruption
Expected: MCC 0.839 on the competition's private test set, in the winner's hands
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.kept import Snapshots
from stagewise.recipes.r101 import PRESETS, R101, SCORES
from stagewise.recipes.rows import Tier1AndSurelyStalled
from stagewise.recipes.starts import ParentSnapshot
from stagewise.training.stage import train_stage

RUN_1 = "second_place_r101_run1"
STAGE = replace(
    R101,
    name="second_place_r101_run2",
    start=ParentSnapshot(RUN_1, snapshot=515),
    rows=Tier1AndSurelyStalled(crowd_score=0.6),
    kept=Snapshots(**SCORES, kept_epochs=(798, 1115), earlier=((RUN_1, 515), (RUN_1, 705), (RUN_1, 915))),
)


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="second_place_r101/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
