"""Train stage 3: from stage 2's best epoch of the same fold, tier 1 videos alone, with dropped planes.

    python net_d121_stage3_tier1/r31_train.py                     every fold of the split
    python net_d121_stage3_tier1/r31_train.py --fold 3 --gpu 1    one fold, beside another process that trains another

Reads:  modified_data/kfold_split_5_42.csv (or --split; with a column tier1), modified_data/roi_parts/train/,
        models/net_d121_stage2_auc/fold_<k>/
Writes: models/net_d121_stage3_tier1/fold_<k>/
Time:   days for five folds on one GPU of 2021; the same command goes on after an interruption
Expected: MCC 0.856 on the competition's private test set, in the winner's hands
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.d121 import AUGMENTATION_DROPPED_PLANES, D121, PRESETS
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.rows import Tier1
from stagewise.recipes.starts import ParentStage
from stagewise.training.stage import train_stage

STAGE = replace(
    D121,
    name="net_d121_stage3_tier1",
    start=ParentStage("net_d121_stage2_auc"),
    rows=Tier1(),
    augmentation=AUGMENTATION_DROPPED_PLANES,
    kept=BestEpoch(monitor="auc", flowing_per_stalled=10),
)


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="net_d121_stage3_tier1/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
