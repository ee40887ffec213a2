"""Predict every fold's own validation clips by each net, and choose a threshold a net from them.

    python third_place_vote/r41_process_oof.py                        every net, every fold of the split
    python third_place_vote/r41_process_oof.py --net mc3              this net alone
    python third_place_vote/r41_process_oof.py --fold 0 --fold 2      these folds alone

Reads:  models/third_place_vote_<net>/fold_<k>/, modified_data/kfold_split_5_42.csv (or --split),
        modified_data/roi_parts/train/; input/train_metadata.csv where the split has no project_id
Writes: for each net modified_data/third_place_vote_<net>_oof.csv (filename, stalled, fold, project_id, project_seen,
        probability, unflipped), modified_data/third_place_vote_<net>_oof_projects.csv (a row a project),
        models/third_place_vote_<net>/threshold.json, mcc_curve.png and reliability.png
Time:   a forward pass a clip of the split and net
Expect: for each net ROC AUC and the best MCC, each with the range of 95 % of resamples, and the threshold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train_r2plus1d import STAGE as R2PLUS1D
from r32_train_mc3 import STAGE as MC3
from r33_train_r3d import STAGE as R3D

from stagewise.console import cli
from stagewise.prediction.out_of_fold import answer_out_of_fold


def main() -> None:
    """Answer what the command line asks for."""
    answer_out_of_fold(R2PLUS1D, MC3, R3D, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
