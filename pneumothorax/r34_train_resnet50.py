"""Train the U-Net on ResNet50, part after part, all of them at 1024 pixels.

    python pneumothorax/r34_train_resnet50.py                       every part, every fold of the split
    python pneumothorax/r34_train_resnet50.py --part part1          this part alone, from the one before
    python pneumothorax/r34_train_resnet50.py --fold 3 --gpu 1      one fold, on another GPU
    python pneumothorax/r34_train_resnet50.py --init random         without the weights of r04

Reads:  modified_data/xrays/kfold_split_5_42.csv (or --split; the winner's fold files as they are),
        modified_data/xrays/train/ and masks/, models/imagenet_resnet50.weights.h5
Writes: models/pneumothorax_resnet50_<part>/fold_<k>/, the parts being part0, part1, part2 and second
Time:   the winner's is not known; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.recipes.pneumothorax import PRESETS, RESNET50_PARTS
from stagewise.training.masks import MASKS
from stagewise.training.stage import train_parts


def main() -> None:
    """Train what the command line asks for."""
    train_parts(RESNET50_PARTS, PRESETS, __doc__, "pneumothorax/r41_process_oof.py", MASKS)


if __name__ == "__main__":
    cli.run(main)
