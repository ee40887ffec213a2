"""Make phantom chest X-rays: DICOM films of which some show a pneumothorax, outlined in a table of run lengths.

    python pneumothorax/r00_make_phantom.py --train 400 --test 80
    python pneumothorax/r00_make_phantom.py --train 40 --test 10 --side 256 --seed 7 --dry-run

Reads:  nothing; refuses an input/xrays/ that is not empty, but for what an interrupted run of the same command has made
Writes: input/xrays/{train,test}/*/*/*.dcm, input/xrays/{train-rle,sample_submission}.csv and
        input/xrays/phantom_test_rle.csv, which only the score of the phantom reads
Time:   0.14 s of a core for a film of 1024 pixels a side
Expect: about 0.5 MB a film
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.phantom.chest_ordering import make_phantom


def main() -> None:
    """Make what the command line asks for."""
    make_phantom(__doc__)


if __name__ == "__main__":
    cli.run(main)
