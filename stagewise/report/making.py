"""What every r51 does: gather what the other scripts wrote, draw it, and write the page."""

from typing import TYPE_CHECKING

from stagewise.console import cli, nets
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers

if TYPE_CHECKING:
    from stagewise.nets.net import Net
    from stagewise.recipes.recipe import Recipe


def make_report(*stages: "Recipe", doc: str) -> None:
    """Parse an r51's command line and write `subm/report.html`. stages: their recipes, as the page has them."""
    options = ("split", "fold", "gpu", "engine", "dry-run")
    parser = nets.parser(doc, stages, *options, *["best"] * bool(stages[0].kept.snapshots), one=True)
    parser.add_argument(
        "--clips",
        type=cli.at_least(0),
        default=6,
        metavar="N",
        help="at most N of the surest mistakes and N of the least sure answers (default: %(default)s)",
    )
    arguments = parser.parse_args()
    (stage,) = nets.asked(stages, arguments)
    from stagewise.report.evidence import gather

    evidence = gather(stage, arguments.split, arguments.folds, getattr(arguments, "best", False))
    engine = _engine(evidence.recipe.net, arguments.engine) if arguments.clips else None
    print(evidence, flush=True)
    report = paths.submission_folder() / "report.html"
    if arguments.dry_run:
        print(f"would write {paths.shown(report)}")
        return
    groups = []
    if arguments.clips:
        from stagewise.machine import device

        device.prepare_to_predict(arguments.gpu, engine)
        from stagewise.report.clips import clip_groups

        groups = clip_groups(evidence, arguments.clips)
    from stagewise.report.page import render

    page = render(evidence, groups)
    remove_leftovers(report.parent)
    with paths.replacing(report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"wrote {paths.shown(report)} ({report.stat().st_size / 1e6:.1f} MB)\nnext: open it in a browser")


def _engine(net: "Net", asked: str | None) -> str | None:
    """As `engine_for` has it, for the maps that the page shows, if any."""
    from stagewise.heatmaps.showing import engine_for
    from stagewise.nets.net import chosen_block

    return engine_for(net, net.map_method, chosen_block(net), asked) if net.map_shapes else asked
