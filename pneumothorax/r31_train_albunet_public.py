"""Train AlbuNet on equal weights of the three losses, part after part: at 512 pixels, then at 1024.

    python pneumothorax/r31_train_albunet_public.py                       every part, every fold of the split
    python pneumothorax/r31_train_albunet_public.py --part part1          this part alone, from the one before
    python pneumothorax/r31_train_albunet_public.py --fold 3 --gpu 1      one fold, on another GPU
    python pneumothorax/r31_train_albunet_public.py --init random         without the weights of r04

Reads:  modified_data/xrays/kfold_split_5_42.csv (or --split; the winner's fold files as they are),
        modified_data/xrays/train/ and masks/, models/imagenet_resnet34.weights.h5
Writes: models/pneumothorax_albunet_public_<part>/fold_<k>/, the parts being at512, part0, part1, part2 and second
Time:   the winner's is not known; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.recipes.pneumothorax import ALBUNET_PUBLIC, PRESETS
from stagewise.training.masks import MASKS
from stagewise.training.stage import train_parts


def main() -> None:
    """Train what the command line asks for."""
    train_parts(ALBUNET_PUBLIC, PRESETS, __doc__, "pneumothorax/r32_train_albunet_valid.py", MASKS)


if __name__ == "__main__":
    cli.run(main)
