"""Predict every fold's own validation clips by the mean of five snapshots, and choose the threshold from them.

    python second_place_r101/r41_process_oof.py                        every fold of the split
    python second_place_r101/r41_process_oof.py --fold 0 --fold 2      these folds alone
    python second_place_r101/r41_process_oof.py --best                 each fold's best epoch, not its snapshots

Reads:  models/second_place_r101_run1/fold_<k>/, models/second_place_r101_run2/fold_<k>/,
        modified_data/kfold_split_5_42.csv (or --split), modified_data/roi_parts/train/;
        input/train_metadata.csv where the split has no project_id
Writes: modified_data/second_place_r101_run2_oof.csv (filename, stalled, fold, project_id, project_seen, probability,
        unflipped), modified_data/second_place_r101_run2_oof_projects.csv (a row a project),
        models/second_place_r101_run2/threshold.json, mcc_curve.png and reliability.png
Time:   5 forward passes a clip of the split
Expect: ROC AUC and the best MCC, each with the range of 95 % of resamples, and the threshold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r32_train_run2 import STAGE

from stagewise.console import cli
from stagewise.prediction.out_of_fold import answer_out_of_fold


def main() -> None:
    """Answer what the command line asks for."""
    answer_out_of_fold(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
