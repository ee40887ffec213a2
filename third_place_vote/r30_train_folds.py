"""Train every fold of the third place's three nets: side by side where there are GPUs.

    python third_place_vote/r30_train_folds.py                     every fold, one on each GPU of the machine
    python third_place_vote/r30_train_folds.py --gpu 0 --gpu 1     on these two
    python third_place_vote/r30_train_folds.py --fold 3 --gpu 1    one fold there
    python third_place_vote/r30_train_folds.py --cluster auto      on the GPUs of a Ray cluster
    python third_place_vote/r30_train_folds.py --net mc3           this net alone

Reads:  what r31, r32 and r33 read
Writes: what they write, and models/fold_logs/, of what they say
Time:   that of the longest chain where there is a GPU for each; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.training.all_folds import train_all_folds

NETS = {
    "r2plus1d": ["third_place_vote/r31_train_r2plus1d.py"],
    "mc3": ["third_place_vote/r32_train_mc3.py"],
    "r3d": ["third_place_vote/r33_train_r3d.py"],
}


def main() -> None:
    """Train what the command line asks for."""
    train_all_folds(NETS, __doc__, following="third_place_vote/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
