"""Make one page of the whole run, which opens without a server or a network.

    python second_place_r101/r51_report.py                        every fold that is trained
    python second_place_r101/r51_report.py --fold 0 --fold 1      these folds, all of which must be there
    python second_place_r101/r51_report.py --best                 of answers by best epochs, as r41 and r42 --best
    python second_place_r101/r51_report.py --clips 0              without clips and heat maps; loads no net

Reads:  models/ of this stage and of those it started from, modified_data/, subm/, modified_data/roi_parts/train/;
        input/train_metadata.csv where the split has no project_id
Writes: subm/report.html
Time:   seconds, and 5 forward passes a clip shown
Expect: what is not there yet is named, with the command that makes it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r32_train_run2 import STAGE

from stagewise.console import cli
from stagewise.report.making import make_report


def main() -> None:
    """Make the page that the command line asks for."""
    make_report(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
