"""Train the third place's R3D: micro and 500 clips a project of tier 1, from Kinetics-400's weights.

    python third_place_vote/r33_train_r3d.py                     every fold of the split
    python third_place_vote/r33_train_r3d.py --fold 3 --gpu 1    one fold, on another GPU
    python third_place_vote/r33_train_r3d.py --init random       without the weights of r04

Reads:  modified_data/kfold_split_5_42.csv (or --split; with columns tier1, micro and project_id where they are known),
        modified_data/roi_parts/train/, models/kinetics400_r3d_18.weights.h5
Writes: models/third_place_vote_r3d/fold_<k>/
Time:   30 h on the winner's P100; the same command goes on after an interruption
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from dataclasses import replace

from stagewise.console import cli
from stagewise.recipes.vote import KINETICS, PRESETS, R3D, VOTE
from stagewise.training.stage import train_stage

STAGE = replace(VOTE, name="third_place_vote_r3d", net=R3D, start=KINETICS[R3D.family])


def main() -> None:
    """Train what the command line asks for."""
    train_stage(STAGE, PRESETS, __doc__, following="third_place_vote/r41_process_oof.py")


if __name__ == "__main__":
    cli.run(main)
