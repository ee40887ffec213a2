"""Answer the test videos: the folds' best nets fused and in one model, eight flips, mean, threshold.

    python net_d121_stage3_tier1/r42_process_test.py                       every fold, r41's threshold
    python net_d121_stage3_tier1/r42_process_test.py --threshold 0.7       the winner's threshold
    python net_d121_stage3_tier1/r42_process_test.py --fold 0 --fold 2     these folds alone
    python net_d121_stage3_tier1/r42_process_test.py --adaptive            all folds and flips where they can matter
    python net_d121_stage3_tier1/r42_process_test.py --unanswered blank    leave out videos without a whole volume
    python net_d121_stage3_tier1/r42_process_test.py --shard 3/20          a part, as one of many jobs; then without it
    python net_d121_stage3_tier1/r42_process_test.py --cluster auto        on the machines of a Ray cluster

Reads:  models/net_d121_stage3_tier1/fold_<k>/ and threshold.json, modified_data/kfold_split_5_42.csv (or --split; where
        it is gone, the folds that are there answer), input/submission_format.csv (without it every test video is
        answered, by name), modified_data/roi_parts/test.csv and test/;
        with --adaptive also modified_data/net_d121_stage3_tier1_oof.csv
Writes: subm/net_d121_stage3_tier1_test_detailed.csv (a probability a fold),
        subm/net_d121_stage3_tier1_test.csv (their mean), subm/submission.csv (0 or 1),
        subm/net_d121_stage3_tier1_test.json (threshold, weights, options and hashes of these);
        a shard subm/net_d121_stage3_tier1_test.3-of-20.json alone, which the command without --shard takes and removes
Time:   8 forward passes a clip and fold
Expect: a row a video of submission_format, in its order
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train import STAGE

from stagewise.console import cli
from stagewise.prediction.answering import answer_test


def main() -> None:
    """Answer what the command line asks for."""
    answer_test(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
