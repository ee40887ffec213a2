"""Crop every video to the inside of its orange outline.

    python preproc_data/r01_extract_roi.py                    # train and test
    python preproc_data/r01_extract_roi.py train --workers 8
    python preproc_data/r01_extract_roi.py --keep-going       # go on with the whole videos, exit code 5
    python preproc_data/r01_extract_roi.py --codecs h264      # no other decoder sees a file
    python preproc_data/r01_extract_roi.py --shard 3/20       # a part of them, on one of many machines; then without it
    python preproc_data/r01_extract_roi.py --cluster auto     # on the machines of a Ray cluster
    python preproc_data/r01_extract_roi.py --input s3://bucket/prefix --unsigned   # a public bucket, read in place
    python preproc_data/r01_extract_roi.py --only mine.csv    # the videos of its column filename alone

Reads:   input/{train,test}/*.mp4, .mov, .m4v, .avi, .mkv, .webm; what else lies there is told. --input, or
         STAGEWISE_INPUT, names another folder or a bucket with train/ and test/; the tables stay in input/. A bucket's
         names are those of input/{train,test}_metadata.csv, or of one listing; region, endpoint and keys are AWS's
         variables (AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...). What fails on the way is no video's fault:
         it is tried again, and in the end an error
Writes:  modified_data/roi_parts/{train,test}/<name>.mp4.pklz, modified_data/roi_parts/{train,test}.csv;
         a shard its part alone, {train,test}.3-of-20.csv, which the same command without --shard gathers
Time:    about 12 videos a second and core (512x384, 60 frames); the same command goes on after an interruption,
         and keeps what is whole by its checksum and of the video that is there
Expect:  a row a video in the index; one that is cut off, damaged, unreadable or without one closed outline is
         quarantined: it gets a row with the reason and no volume, and the script ends with exit code 2. Where other
         pixels are orange, too, the closed outline alone is cut, and the row has the reason; r02 shows it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.crops.extracting import extract_videos


def main() -> None:
    """Extract what the command line asks for."""
    extract_videos(__doc__)


if __name__ == "__main__":
    cli.run(main)
