"""Train every fold through the three stages: side by side where there are GPUs, no fold waiting for another.

    python net_d121_stage3_tier1/r30_train_folds.py                     every fold, one on each GPU of the machine
    python net_d121_stage3_tier1/r30_train_folds.py --gpu 0 --gpu 1     on these two
    python net_d121_stage3_tier1/r30_train_folds.py --fold 3 --gpu 1    one fold there
    python net_d121_stage3_tier1/r30_train_folds.py --cluster auto      on the GPUs of a Ray cluster

Reads:  what the three r31 read
Writes: what they write, and models/fold_logs/, of what they say
Time:   that of the longest chain where there is a GPU for each; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.training.all_folds import train_all_folds

STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
CHAIN = {"d121": [f"{stage}/r31_train.py" for stage in STAGES]}


def main() -> None:
    """Train what the command line asks for."""
    train_all_folds(CHAIN, __doc__, following="net_d121_stage3_tier1/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
