"""Answer every fold's own validation images by its kept checkpoints, and choose the rule for masks from them.

    python pneumothorax/r41_process_oof.py                          every trained experiment, by its last part
    python pneumothorax/r41_process_oof.py --net seunet --part part1    this one, by this part
    python pneumothorax/r41_process_oof.py --fold 0 --fold 2        these folds alone

Reads:  models/pneumothorax_<experiment>_<part>/fold_<k>/, modified_data/xrays/kfold_split_5_42.csv (or --split),
        modified_data/xrays/train/ and masks/
Writes: modified_data/xrays/<stage>_oof/ (a PNG of probabilities an image), modified_data/xrays/<stage>_oof.csv (pixels
        above each threshold, and inside the true mask), models/<stage>/rule.json and dice_over_thresholds.png
Time:   2 forward passes an image and checkpoint; the same command goes on after an interruption
Expect: Dice of the triplet, the doublet and a plain threshold, each chosen on the other folds' images
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.masks.out_of_fold import answer_out_of_fold
from stagewise.recipes.pneumothorax import EXPERIMENTS


def main() -> None:
    """Answer what the command line asks for."""
    answer_out_of_fold(EXPERIMENTS, __doc__)


if __name__ == "__main__":
    cli.run(main)
