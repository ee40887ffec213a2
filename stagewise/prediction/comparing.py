"""What every r53 does: compare the answers of a split with those of another one."""

from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import nets
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.messages.commands import OUT_OF_FOLD, TEST, script_of, step_of

if TYPE_CHECKING:
    from stagewise.recipes.recipe import Recipe


def compare_with_other_split(*stages: "Recipe", doc: str) -> None:
    """Compare r41's table with that of another split, on the clips that both hold. stages: whose r41 has answered."""
    parser = nets.parser(doc, stages, "seed", one=True)
    parser.add_argument("other", type=Path, metavar="OTHER_OOF.csv", help="r41's table of another split")
    arguments = parser.parse_args()
    (stage,) = nets.asked(stages, arguments)
    from stagewise.data.tables import read_oof_table
    from stagewise.scores.leakage import compare_splits

    own, mend = paths.oof_csv(stage.name), f"run: python {step_of(stage.name, OUT_OF_FOLD)}"
    tables = (read_oof_table(own, mend), read_oof_table(arguments.other, "give a table that r41 wrote"))
    print(compare_splits((own, arguments.other), tables, arguments.seed))
    print(ending([], command(script_of(stage.name, TEST), None, *nets.net_options(arguments))))
