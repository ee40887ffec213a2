"""Answer every test image by the kept checkpoints of all folds, and write the submission by the rule of r41.

    python pneumothorax/r42_process_test.py                         every trained experiment; the last one's submission
    python pneumothorax/r42_process_test.py --net albunet_public    this one
    python pneumothorax/r42_process_test.py --rule winner           by the winner's triplet of the experiment
    python pneumothorax/r42_process_test.py --rule 0.75,1000,0.3    by this one: top, area, bottom

Reads:  models/pneumothorax_<experiment>_<part>/fold_<k>/ and rule.json, modified_data/xrays/test/ and test.csv,
        input/xrays/sample_submission.csv (without it every test image is answered, by name)
Writes: modified_data/xrays/<stage>_test/ (a PNG of probabilities an image), subm/pneumothorax/submission.csv (a row an
        image) and answers.json (how it was made)
Time:   2 forward passes an image, fold and checkpoint; the same command goes on after an interruption
Expect: how many of the images have a mask
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.masks.answering import answer_test
from stagewise.recipes.pneumothorax import EXPERIMENTS


def main() -> None:
    """Answer what the command line asks for."""
    answer_test(EXPERIMENTS, __doc__)


if __name__ == "__main__":
    cli.run(main)
