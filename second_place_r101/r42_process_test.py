"""Answer the test videos: each of the folds' five snapshots in turn, no flips, mean, threshold.

    python second_place_r101/r42_process_test.py                       every fold, r41's threshold
    python second_place_r101/r42_process_test.py --threshold 0.5       the winner's threshold
    python second_place_r101/r42_process_test.py --fold 0 --fold 2     these folds alone
    python second_place_r101/r42_process_test.py --unanswered blank    leave out videos without a whole volume
    python second_place_r101/r42_process_test.py --shard 3/20          a part, as one of many jobs; then without it
    python second_place_r101/r42_process_test.py --cluster auto        on the machines of a Ray cluster
    python second_place_r101/r42_process_test.py --best                each fold's best epoch, not its snapshots

Reads:  models/second_place_r101_run1/fold_<k>/, models/second_place_r101_run2/fold_<k>/ and threshold.json,
        modified_data/kfold_split_5_42.csv (or --split; where it is gone, the folds that are there answer),
        input/submission_format.csv (without it every test video is answered, by name),
        modified_data/roi_parts/test.csv and test/
Writes: subm/second_place_r101_run2_test_detailed.csv (a probability a fold),
        subm/second_place_r101_run2_test.csv (their mean), subm/submission.csv (0 or 1),
        subm/second_place_r101_run2_test.json (threshold, weights, options and hashes of these);
        a shard subm/second_place_r101_run2_test.3-of-20.json alone, which the command without --shard takes and removes
Time:   5 forward passes a clip and fold
Expect: a row a video of submission_format, in its order
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r32_train_run2 import STAGE

from stagewise.console import cli
from stagewise.prediction.answering import answer_test


def main() -> None:
    """Answer what the command line asks for."""
    answer_test(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
