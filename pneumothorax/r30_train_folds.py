"""Train every fold of every experiment, all parts of each: side by side where there are GPUs.

    python pneumothorax/r30_train_folds.py                     every fold, one on each GPU of the machine
    python pneumothorax/r30_train_folds.py --gpu 0 --gpu 1     on these two
    python pneumothorax/r30_train_folds.py --fold 3 --gpu 1    one fold there
    python pneumothorax/r30_train_folds.py --cluster auto      on the GPUs of a Ray cluster
    python pneumothorax/r30_train_folds.py --net resnet50      this experiment alone

Reads:  what r31 to r34 read
Writes: what they write, and models/fold_logs/, of what they say
Time:   that of the longest chain where there is a GPU for each; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.training.all_folds import train_all_folds
from stagewise.training.masks import MASKS

EXPERIMENTS = {
    "albunet_public": ["pneumothorax/r31_train_albunet_public.py"],
    "albunet_valid": ["pneumothorax/r32_train_albunet_valid.py"],
    "seunet": ["pneumothorax/r33_train_seunet.py"],
    "resnet50": ["pneumothorax/r34_train_resnet50.py"],
}


def main() -> None:
    """Train what the command line asks for."""
    train_all_folds(EXPERIMENTS, __doc__, "pneumothorax/r41_process_oof.py", MASKS)


if __name__ == "__main__":
    cli.run(main)
