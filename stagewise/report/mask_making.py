"""What r51 of the X-rays does: gather what the other scripts wrote, draw it, and write the page."""

from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.console import experiments as console
from stagewise.files import paths, xray_paths
from stagewise.files.leftovers import remove_leftovers

if TYPE_CHECKING:
    from stagewise.masks.plans import Experiments


def make_report(experiments: "Experiments", doc: str) -> None:
    """Parse r51's command line and write the page. experiments: of the recipe's page."""
    parser = console.parser(doc, experiments, "split", "fold", "dry-run", one=True)
    parser.add_argument(
        "--images",
        type=cli.at_least(0),
        default=6,
        metavar="N",
        help="at most N of the worst answers, of the least sure ones and of test images (default: %(default)s)",
    )
    arguments = parser.parse_args()
    from stagewise.report.mask_evidence import gather

    evidence = gather(experiments, arguments.nets, arguments.part, arguments.split, arguments.folds)
    print(evidence, flush=True)
    report = xray_paths.report()
    if arguments.dry_run:
        print(f"would write {paths.shown(report)}")
        return
    from stagewise.report.mask_page import render
    from stagewise.report.mask_pictures import image_groups
    from stagewise.xrays.mask_table import read_mask_table

    submitted = read_mask_table(xray_paths.submission_csv()) if evidence.answers else None
    groups = image_groups(evidence, arguments.images, submitted) if arguments.images else []
    page = render(evidence, groups, submitted)
    remove_leftovers(report.parent)
    with paths.replacing(report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"wrote {paths.shown(report)} ({report.stat().st_size / 1e6:.1f} MB)\nnext: open it in a browser")
