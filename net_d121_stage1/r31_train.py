"""Train stage 1: all videos, from ImageNet, best epoch by MCC at its best threshold.

    python net_d121_stage1/r31_train.py                     every fold of the split
    python net_d121_stage1/r31_train.py --fold 3 --gpu 1    one fold, beside another process that trains another

Reads:  modified_data/kfold_split_5_42.csv (or --split), modified_data/roi_parts/train/,
        models/imagenet_densenet121_3d.weights.h5 (unless --init random or --preset demo)
Writes: models/net_d121_stage1/fold_<k>/
Time:   days for five folds on one GPU of 2021; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.d121 import D121, IMAGENET, PRESETS
from stagewise.recipes.kept import BestEpoch
from stagewise.training.stage import train_stage

STAGE = replace(
    D121,
    name="net_d121_stage1",
    start=IMAGENET,
    kept=BestEpoch(monitor="mcc", flowing_per_stalled=1),
)


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="net_d121_stage2_auc/r31_train.py")


if __name__ == "__main__":
    cli.run(main)
