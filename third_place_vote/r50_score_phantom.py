"""Say how right the submission is, where the true answers are known: on the phantom.

    python third_place_vote/r50_score_phantom.py

Reads:  subm/submission.csv, subm/third_place_vote_<net>_test.csv of each net, input/phantom_test_labels.csv
Writes: nothing
Time:   seconds
Expect: the submission's confusion matrix and MCC, and each net's ROC AUC
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train_r2plus1d import STAGE as R2PLUS1D
from r32_train_mc3 import STAGE as MC3
from r33_train_r3d import STAGE as R3D

from stagewise.console import cli
from stagewise.prediction.phantom_score import score_phantom


def main() -> None:
    """Score what r42 and r61 answered."""
    score_phantom(R2PLUS1D, MC3, R3D, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
