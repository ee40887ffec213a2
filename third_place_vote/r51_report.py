"""Make one page of a net's whole run, which opens without a server or a network.

    python third_place_vote/r51_report.py --net mc3               every fold that is trained
    python third_place_vote/r51_report.py --fold 0 --fold 1       these folds of R(2+1)D, all of which must be there

Reads:  models/ of this net, modified_data/, subm/, modified_data/roi_parts/train/; input/train_metadata.csv where the
        split has no project_id
Writes: subm/report.html
Time:   seconds
Expect: what is not there yet is named, with the command that makes it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train_r2plus1d import STAGE as R2PLUS1D
from r32_train_mc3 import STAGE as MC3
from r33_train_r3d import STAGE as R3D

from stagewise.console import cli
from stagewise.report.making import make_report


def main() -> None:
    """Make the page that the command line asks for."""
    make_report(R2PLUS1D, MC3, R3D, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
