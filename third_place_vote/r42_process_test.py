"""Answer the test videos by each net: the folds' mean and the net's own threshold. r61 makes a vote of them.

    python third_place_vote/r42_process_test.py                       every net, every fold, r41's thresholds
    python third_place_vote/r42_process_test.py --net mc3             this net alone
    python third_place_vote/r42_process_test.py --unanswered blank    leave out videos without a whole volume
    python third_place_vote/r42_process_test.py --shard 3/20          a part, as one of many jobs; then without it
    python third_place_vote/r42_process_test.py --cluster auto        on the machines of a Ray cluster

Reads:  models/third_place_vote_<net>/fold_<k>/ and threshold.json, modified_data/kfold_split_5_42.csv (or --split;
        where it is gone, the folds that are there answer), input/submission_format.csv (without it every test video is
        answered, by name), modified_data/roi_parts/test.csv and test/
Writes: for each net subm/third_place_vote_<net>_test_detailed.csv (a probability a fold),
        subm/third_place_vote_<net>_test.csv (their mean), subm/third_place_vote_<net>_test.json (threshold, weights,
        options and hashes of these);
        subm/submission.csv (0 or 1) by the last of them, until r61 has made the vote;
        a shard subm/third_place_vote_<net>_test.3-of-20.json alone, which the command without --shard takes and removes
Time:   a forward pass a clip, fold and net
Expect: a row a video of submission_format, in its order
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train_r2plus1d import STAGE as R2PLUS1D
from r32_train_mc3 import STAGE as MC3
from r33_train_r3d import STAGE as R3D

from stagewise.console import cli
from stagewise.prediction.answering import answer_test


def main() -> None:
    """Answer what the command line asks for."""
    answer_test(R2PLUS1D, MC3, R3D, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
