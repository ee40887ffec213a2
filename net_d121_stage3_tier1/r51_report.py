"""Make one page of the whole run, which opens without a server or a network.

    python net_d121_stage3_tier1/r51_report.py                        every fold that is trained
    python net_d121_stage3_tier1/r51_report.py --fold 0 --fold 1      these folds, all of which must be there
    python net_d121_stage3_tier1/r51_report.py --clips 0              without clips and heat maps; loads no net

Reads:  models/ of this stage and of those it started from, modified_data/, subm/, modified_data/roi_parts/train/;
        input/train_metadata.csv where the split has no project_id
Writes: subm/report.html
Time:   seconds, and a forward pass a clip shown
Expect: what is not there yet is named, with the command that makes it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from pathlib import Path

from stagewise.console import cli
from stagewise.files import paths

STAGE = Path(__file__).parent.name


def main() -> None:
    """Gather what the other scripts wrote, draw it, and write the page."""
    parser = cli.parser(__doc__, "split", "fold", "gpu", "engine", "dry-run")
    parser.add_argument(
        "--clips",
        type=cli.at_least(0),
        default=6,
        metavar="N",
        help="at most N of the surest mistakes and N of the least sure answers (default: %(default)s)",
    )
    arguments = parser.parse_args()
    from stagewise.report.evidence import gather

    evidence = gather(STAGE, arguments.split, arguments.folds)
    print(evidence, flush=True)
    report = paths.submission_folder() / "report.html"
    if arguments.dry_run:
        print(f"would write {paths.shown(report)}")
        return
    groups = []
    if arguments.clips:
        from stagewise.machine import device

        device.prepare_to_predict(arguments.gpu, arguments.engine)
        from stagewise.report.clips import clip_groups

        groups = clip_groups(evidence, arguments.clips)
    from stagewise.report.page import render

    page = render(evidence, groups)
    paths.remove_leftovers(report.parent)
    with paths.replacing(report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"wrote {paths.shown(report)} ({report.stat().st_size / 1e6:.1f} MB)\nnext: open it in a browser")


if __name__ == "__main__":
    cli.run(main)
