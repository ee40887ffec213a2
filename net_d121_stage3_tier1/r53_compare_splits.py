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
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths

STAGE = Path(__file__).parent.name


def main() -> None:
    """Compare the two tables on the clips that both hold."""
    parser = cli.parser(__doc__, "seed")
    parser.add_argument("other", type=Path, metavar="OTHER_OOF.csv", help="r41's table of another split")
    arguments = parser.parse_args()
    from stagewise.data.tables import read_oof_table
    from stagewise.scores.leakage import compare_splits

    own, mend = paths.oof_csv(STAGE), f"run: python {STAGE}/r41_process_oof.py"
    tables = (read_oof_table(own, mend), read_oof_table(arguments.other, "give a table that r41 wrote"))
    print(compare_splits((own, arguments.other), tables, arguments.seed))
    print(ending([], command(f"{STAGE}/r42_process_test.py")))


if __name__ == "__main__":
    cli.run(main)
