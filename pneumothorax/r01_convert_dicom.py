"""Bring every DICOM file to a grey PNG of its own size, and every pneumothorax to a mask.

    python pneumothorax/r01_convert_dicom.py                 # train and test
    python pneumothorax/r01_convert_dicom.py train --workers 8
    python pneumothorax/r01_convert_dicom.py --keep-going    # go on with the whole files, exit code 5

Reads:   input/xrays/{train,test}/**/*.dcm, input/xrays/train-rle.csv; what else lies there is told
Writes:  modified_data/xrays/{train,test}/<name>.png, modified_data/xrays/masks/<name>.png of those with a pneumothorax,
         modified_data/xrays/{train,test}.csv
Time:    about 30 files a second and core (1024x1024); the same command goes on after an interruption, and keeps what
         is whole by its checksum and of the file and the table's rows that are there
Expect:  a row a file in the index. One that is cut off, damaged, in colour, of several frames or in a coding that is
         not read is quarantined: it gets a row with the reason and no image, and the script ends with exit code 2; so
         is a training file without a row in the table, or with rows that are no mask of it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.xrays.converting import convert_files


def main() -> None:
    """Convert what the command line asks for."""
    convert_files(__doc__)


if __name__ == "__main__":
    cli.run(main)
