"""What r01 does: extract the videos that have no volume yet, and tell of those that have none now."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.files import paths
from stagewise.files.shards import Shard, gathered

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
    asked = arguments.force, codecs, arguments.shard
    plans = {subset: extraction.plan(subset, *asked) for subset in subsets}  # fails before any work
    for subset, tasks in plans.items():
        _announce(subset, tasks, arguments.shard)
    if not arguments.dry_run:
        problems = []
        for subset in subsets:
            rows = extraction.extract_subset(subset, arguments.workers, *asked)
            problems += _tell(subset, rows)
        _end(subsets, problems, arguments)


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "workers", "force", "keep-going", "shard", "dry-run")
    parser.add_argument("subset", nargs="?", choices=paths.SUBSETS, help="only these videos (default: both)")
    parser.add_argument("--codecs", metavar="LIST", help="the codecs that may be decoded, FFmpeg's names with commas")
    return parser.parse_args()


def _announce(subset: str, tasks: Sequence["Extraction"], shard: Shard | None) -> None:
    """Say what there is to do, and what lies there beside."""
    from stagewise.crops.extraction import index_of
    from stagewise.crops.input_videos import passed_over

    known = sum(task.known is not None and task.known["status"] == "ok" for task in tasks)
    index, of = index_of(subset, shard), f", shard {shard}" * bool(shard)
    print(f"{subset}{of}: {len(tasks)} videos, {known} of them extracted before and to be verified")
    if tasks:  # a shard may have none
        print(f"  {paths.shown(tasks[0].volume)} ... {paths.shown(index.table)}")
    if not shard and (parts := gathered(index.shards())):
        print(f"  {parts}")
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
    from stagewise.console.ending import end_quarantined, ending
    from stagewise.crops.extraction import index_of

    tables = {subset: index_of(subset, arguments.shard).table for subset in subsets}
    written = [path for subset, table in tables.items() for path in (paths.roi_folder(subset), table)]
    what = "of the videos quarantined, without a volume"
    following = _following(subsets, arguments, ["--keep-going"] * bool(problems))
    end_quarantined(ending(written, following), problems, what, arguments.keep_going)


def _following(subsets: Sequence[str], arguments: argparse.Namespace, going: list[str]) -> str:
    """The next command: for the other subset, or of the next step; after a shard the one that gathers."""
    from stagewise.console.ending import command
    from stagewise.crops.input_videos import subsets_there

    others = [subset for subset in subsets_there() if not paths.roi_index(subset).exists()]
    if arguments.shard:
        others = [arguments.subset] * bool(arguments.subset)
    elif not others and any(paths.packed_volumes(paths.roi_folder(subset)).exists() for subset in subsets):
        return command("preproc_data/r05_pack_volumes.py")
    elif not others:
        return command("preproc_data/r02_verify_data.py", arguments, *going)
    codecs = ["--codecs", arguments.codecs] * bool(arguments.codecs)
    return command("preproc_data/r01_extract_roi.py", arguments, *others, *codecs, *going)
