"""Say how right the joined submission is, where the true answers are known: on the phantom.

    python join/r50_score_phantom.py

Reads:  subm/submission.csv, subm/joined_test.csv, input/phantom_test_labels.csv
Writes: nothing
Time:   seconds
Expect: confusion matrix, MCC and ROC AUC
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.joining.answering import score_joined


def main() -> None:
    """Score what r61 answered."""
    score_joined(__doc__)


if __name__ == "__main__":
    cli.run(main)
