"""Join the answers of several stages, of whichever recipes, into one submission.

    python join/r61_join.py STAGE STAGE ...                      the simplest way within the interval of the best
    python join/r61_join.py STAGE STAGE STAGE --method 2-of-3    this way
    python join/r61_join.py STAGE STAGE --common                 stages whose recipes hold out other clips of a split

Ways, the simplest first: the best single stage; mean of probabilities; mean of their ranks among the out-of-fold clips;
votes, k of n, each stage at its own threshold; weighted mean; logistic stacking. Each is scored out of fold, with
weights and thresholds that the other folds chose. Where one fold alone was held out, nothing is compared: --method.

Reads:  modified_data/<stage>_oof.csv and models/<stage>/threshold.json (r41), subm/<stage>_test.csv and
        <stage>_test.json (r42, without --adaptive) of each stage, all on one split; input/submission_format.csv
Writes: subm/submission.csv (0 or 1), subm/joined_test.csv (the joined probability, rank or share of votes),
        subm/joined.json (how: method, weights, thresholds, scores, hashes of the tables)
Time:   3 s for 2,000 clips of three stages, 10 s for 20,000
Expect: a line a stage and a way to join, with ROC AUC and MCC and how far they are from the best stage's
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.joining.answering import join_stages


def main() -> None:
    """Join what the command line names."""
    join_stages(__doc__)


if __name__ == "__main__":
    cli.run(main)
