"""Say how much the scores of a split owe to clips of one project in several folds, by another split's answers.

    python net_d121_stage3_tier1/r53_compare_splits.py OTHER/modified_data/net_d121_stage3_tier1_oof.csv

Train once on the plain split and once, in another STAGEWISE_ROOT, on one of `r03_gen_kfold_split.py --group
project_id`, run r41 on both, and give the other one's table here.

Reads:  modified_data/net_d121_stage3_tier1_oof.csv and the table given
Writes: nothing
Time:   seconds
Expect: how far the scores are apart, and whether that is leakage
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train import STAGE

from stagewise.console import cli
from stagewise.prediction.comparing import compare_with_other_split


def main() -> None:
    """Compare with the table that the command line names."""
    compare_with_other_split(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
