"""Say how right the submitted masks are, where the true ones are known: on the phantom.

    python pneumothorax/r50_score_phantom.py

Reads:  subm/pneumothorax/submission.csv and answers.json, input/xrays/phantom_test_rle.csv,
        modified_data/xrays/<stage>_test/
Writes: nothing
Time:   20 images a second
Expect: mean Dice of all images, of those with a pneumothorax and of those without; by the rule of the submission, and
        by the doublet and the plain threshold that were chosen out of fold beside it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.masks.phantom_score import score_phantom


def main() -> None:
    """Score what r42 or r61 answered."""
    score_phantom(__doc__)


if __name__ == "__main__":
    cli.run(main)
