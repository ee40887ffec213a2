"""Train every fold of the second place through both runs: side by side where there are GPUs.

    python second_place_r101/r30_train_folds.py                     every fold, one on each GPU of the machine
    python second_place_r101/r30_train_folds.py --gpu 0 --gpu 1     on these two
    python second_place_r101/r30_train_folds.py --fold 3 --gpu 1    one fold there
    python second_place_r101/r30_train_folds.py --cluster auto      on the GPUs of a Ray cluster

Reads:  what r31 and r32 read
Writes: what they write, and models/fold_logs/, of what they say
Time:   that of the longest chain where there is a GPU for each; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.training.all_folds import train_all_folds

CHAIN = {"r101": ["second_place_r101/r31_train_run1.py", "second_place_r101/r32_train_run2.py"]}


def main() -> None:
    """Train what the command line asks for."""
    train_all_folds(CHAIN, __doc__, following="second_place_r101/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
