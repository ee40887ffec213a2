"""Make one page of everything: data, learning curves, the rules' scores, the worst and least sure images, test answers.

    python pneumothorax/r51_report.py                           of the first trained experiment, its last part
    python pneumothorax/r51_report.py --net seunet --images 12
    python pneumothorax/r51_report.py --images 0                without images

Reads:  what the scripts before have written: modified_data/xrays/, models/pneumothorax_<experiment>_<part>/,
        subm/pneumothorax/submission.csv and answers.json
Writes: subm/pneumothorax/report.html, one file that needs no network
Time:   seconds
Expect: what is still missing is named, with the command that makes it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.recipes.pneumothorax import EXPERIMENTS
from stagewise.report.mask_making import make_report


def main() -> None:
    """Show what the command line asks for."""
    make_report(EXPERIMENTS, __doc__)


if __name__ == "__main__":
    cli.run(main)
