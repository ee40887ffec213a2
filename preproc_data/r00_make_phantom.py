"""Make phantom competition data: outlined clips of capillaries that flow or are stalled, with all tables.

    python preproc_data/r00_make_phantom.py --train 1200 --test 300
    python preproc_data/r00_make_phantom.py --train 40 --test 10 --stalled-share 0.5 --seed 7 --dry-run
    python preproc_data/r00_make_phantom.py --hard

Reads:  nothing; refuses an input/ that is not empty, but for what an interrupted run of the same command has made
Writes: input/{train,test}/*.mp4, input/{train_labels,train_metadata,test_metadata,submission_format}.csv and
        input/phantom_test_labels.csv, which only r50 reads
Time:   about 15 clips a second on 2 cores; with --hard each takes a sixth longer
Expect: about 3 MB a clip, 4 with --hard
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.phantom.ordering import make_phantom


def main() -> None:
    """Make what the command line asks for."""
    make_phantom(__doc__)


if __name__ == "__main__":
    cli.run(main)
