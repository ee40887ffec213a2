"""What r01 does: extract the videos that have no volume yet, and tell of those that have none now."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.files import paths

if TYPE_CHECKING:
    from stagewise.crops.extraction import Extraction


def extract_videos(doc: str) -> None:
    """Parse r01's command line and extract what it asks for.

    Raises InputError before any work, or where videos were quarantined; QuarantinedError where `--keep-going` asked to
    leave these out.
    """
    arguments = _arguments(doc)
    from stagewise.crops import extraction
    from stagewise.crops.input_videos import subsets_there
    from stagewise.video.codecs import CODECS, chosen

    subsets = (arguments.subset,) if arguments.subset else subsets_there()
    for absent in () if arguments.subset else sorted({*paths.SUBSETS} - {*subsets}):
        print(f"{absent}: nothing in {paths.shown(paths.videos_folder(absent))}, left out")
    codecs = chosen(arguments.codecs) if arguments.codecs else CODECS
    plans = {subset: extraction.plan(subset, arguments.force, codecs) for subset in subsets}  # fails before any work
    for subset, tasks in plans.items():
        _announce(subset, tasks)
    if not arguments.dry_run:
        problems = []
        for subset in subsets:
            rows = extraction.extract_subset(subset, arguments.workers, arguments.force, codecs)
            problems += _tell(subset, rows)
        _end(subsets, problems, arguments)


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "workers", "force", "keep-going", "dry-run")
    parser.add_argument("subset", nargs="?", choices=paths.SUBSETS, help="only these videos (default: both)")
    parser.add_argument("--codecs", metavar="LIST", help="the codecs that may be decoded, FFmpeg's names with commas")
    return parser.parse_args()


def _announce(subset: str, tasks: Sequence["Extraction"]) -> None:
    """Say what there is to do, and what lies there beside."""
    from stagewise.crops.input_videos import passed_over

    known = sum(task.known is not None and task.known["status"] == "ok" for task in tasks)
    print(f"{subset}: {len(tasks)} videos, {known} of them extracted before and to be verified")
    print(f"  {paths.shown(tasks[0].volume)} ... {paths.shown(paths.roi_index(subset))}")
    print("".join(f"  passed over: {line}\n" for line in passed_over(subset)), end="")


def _tell(subset: str, rows: Sequence[dict[str, str]]) -> list[str]:
    """Say what came out, rows of the index. Returns: the quarantined videos, each with its reason."""
    bad = [row for row in rows if row["status"] == "quarantined"]
    doubted = [row for row in rows if row["status"] == "ok" and row["reason"]]
    print(f"{subset}: {len(rows) - len(bad)} volumes, {len(doubted)} of them in doubt, {len(bad)} quarantined")
    for row in doubted:
        print(f"  in doubt: {subset}/{row['filename']}: {row['reason']}")
    return [f"{subset}/{row['filename']}: {row['reason']}" for row in bad]


def _end(subsets: Sequence[str], problems: Sequence[str], arguments: argparse.Namespace) -> None:
    """The last lines; an error with them where videos were quarantined."""
    from stagewise.console.ending import command, end_quarantined, ending
    from stagewise.crops.input_videos import subsets_there

    written = [path for subset in subsets for path in (paths.roi_folder(subset), paths.roi_index(subset))]
    others = [subset for subset in subsets_there() if not paths.roi_index(subset).exists()]
    if not others and any(paths.packed_volumes(paths.roi_folder(subset)).exists() for subset in subsets):
        following = command("preproc_data/r05_pack_volumes.py")
    else:
        script = "preproc_data/r01_extract_roi.py" if others else "preproc_data/r02_verify_data.py"
        words = [*others, *["--codecs", arguments.codecs] * bool(others and arguments.codecs)]
        following = command(script, arguments, *words, *["--keep-going"] * bool(problems))
    what = "of the videos quarantined, without a volume"
    end_quarantined(ending(written, following), problems, what, arguments.keep_going)
