"""Say how right the submission is, where the true answers are known: on the phantom.

    python second_place_r101/r50_score_phantom.py

Reads:  subm/submission.csv, subm/second_place_r101_run2_test.csv, input/phantom_test_labels.csv
Writes: nothing
Time:   seconds
Expect: confusion matrix, MCC and ROC AUC
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r32_train_run2 import STAGE

from stagewise.console import cli
from stagewise.prediction.phantom_score import score_phantom


def main() -> None:
    """Score what r42 answered."""
    score_phantom(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
