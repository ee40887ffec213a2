"""Make the submission of what two of the three nets say.

    python third_place_vote/r61_vote.py                     each net at its own threshold, chosen out of fold
    python third_place_vote/r61_vote.py --method winner     at the winner's thresholds: 0.95, 0.90 and 0.80
    python third_place_vote/r61_vote.py --method mean       another way to join them, of those of join/r61_join.py

Reads:  modified_data/third_place_vote_<net>_oof.csv and models/third_place_vote_<net>/threshold.json (r41),
        subm/third_place_vote_<net>_test.csv and _test.json (r42) of all three nets; input/submission_format.csv
Writes: subm/submission.csv (0 or 1), subm/joined_test.csv (the share of votes), subm/joined.json (how)
Time:   seconds
Expect: a line a net and a way to join, with ROC AUC and MCC and how far they are from the best net's; of one fold alone
        one line, since nothing can be compared
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.joining.answering import join_stages
from stagewise.recipes.vote import THRESHOLDS


def main() -> None:
    """Join the nets as the command line asks."""
    join_stages(__doc__, THRESHOLDS)


if __name__ == "__main__":
    cli.run(main)
