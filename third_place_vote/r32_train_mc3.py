"""Train the third place's MC3: micro and 500 clips a project of tier 1, from Kinetics-400's weights.

    python third_place_vote/r32_train_mc3.py                     every fold of the split
    python third_place_vote/r32_train_mc3.py --fold 3 --gpu 1    one fold, on another GPU
    python third_place_vote/r32_train_mc3.py --init random       without the weights of r04

Reads:  modified_data/kfold_split_5_42.csv (or --split; with columns tier1, micro and project_id where they are known),
        modified_data/roi_parts/train/, models/kinetics400_mc3_18.weights.h5
Writes: models/third_place_vote_mc3/fold_<k>/
Time:   36 h on the winner's P100; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.vote import KINETICS, MC3, PRESETS, VOTE
from stagewise.training.stage import train_stage

STAGE = replace(VOTE, name="third_place_vote_mc3", net=MC3, start=KINETICS[MC3.family])


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="third_place_vote/r33_train_r3d.py")


if __name__ == "__main__":
    cli.run(main)
