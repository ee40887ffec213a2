"""What r01 does: extract the videos that have no volume yet, and tell of those that have none now."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.files import paths
from stagewise.files.shards import Shard, gathered
from stagewise.machine import cluster

if TYPE_CHECKING:
    from stagewise.crops.extraction import Extraction
    from stagewise.crops.sources import Source


def extract_videos(doc: str) -> None:
    """Parse r01's command line and extract what it asks for.

    Raises InputError before any work, or where videos were quarantined; QuarantinedError where `--keep-going` asked to
    leave these out.
    """
    arguments = _arguments(doc)
    cluster.require(arguments.cluster, arguments.shard, arguments.workers)
    from stagewise.crops import extraction
    from stagewise.crops.sources import source_of
    from stagewise.video.codecs import CODECS, chosen

    source = source_of(arguments.input, arguments.unsigned, arguments.only)
    subsets = (arguments.subset,) if arguments.subset else source.subsets()
    for absent in () if arguments.subset else sorted({*paths.SUBSETS} - {*subsets}):
        print(f"{absent}: nothing in {source.where(absent)}, left out")
    codecs = chosen(arguments.codecs) if arguments.codecs else CODECS
    how = arguments.force, codecs, source, arguments.shard
    asked = _announced(subsets, how, arguments)  # fails before any work
    if not arguments.dry_run:
        problems = []
        for subset in asked:
            rows = extraction.extract_subset(subset, arguments.workers, *how, arguments.cluster)
            problems += _tell(subset, rows)
        _end(asked, problems, arguments, source)


def _announced(subsets: Sequence[str], how: tuple, arguments: argparse.Namespace) -> list[str]:
    """Say of each subset what there is to do. Returns: those with anything to do; the plans are not kept.

    how: of `extraction.plan`. Raises InputError.
    """
    from stagewise.crops import extraction

    source, plans = how[2], {subset: extraction.plan(subset, *how) for subset in subsets}
    if arguments.only and not arguments.shard:
        source.require_all((task.video for tasks in plans.values() for task in tasks), arguments.only, subsets)
    for subset, tasks in plans.items():
        _announce(subset, tasks, source, arguments.shard)
    return [subset for subset in subsets if plans[subset] or arguments.shard]


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "workers", "force", "keep-going", "shard", "cluster", "dry-run")
    parser.add_argument("subset", nargs="?", choices=paths.SUBSETS, help="only these videos (default: both)")
    parser.add_argument("--codecs", metavar="LIST", help="the codecs that may be decoded, FFmpeg's names with commas")
    parser.add_argument(
        "--input",
        metavar="PLACE",
        help="where train/ and test/ are: a folder or s3://bucket/prefix (default: STAGEWISE_INPUT, or input)",
    )
    parser.add_argument("--unsigned", action="store_true", help="ask a public bucket without AWS keys")
    parser.add_argument("--only", type=Path, metavar="CSV", help="only the videos of its column filename")
    return parser.parse_args()


def _announce(subset: str, tasks: Sequence["Extraction"], source: "Source", shard: Shard | None) -> None:
    """Say what there is to do, and what lies there beside."""
    from stagewise.crops.extraction import index_of

    if not tasks and not shard:  # which may have none
        print(f"{subset}: none of the videos of --only, left out")
        return
    known = sum(task.known is not None and task.known["status"] == "ok" for task in tasks)
    index, of = index_of(subset, shard), f", shard {shard}" * bool(shard)
    print(f"{subset}{of}: {len(tasks)} videos, {known} of them extracted before and to be verified")
    if tasks:
        print(f"  {paths.shown(tasks[0].volume)} ... {paths.shown(index.table)}")
    if not shard and (parts := gathered(index.shards())):
        print(f"  {parts}")
    print("".join(f"  passed over: {line}\n" for line in source.passed_over(subset)), end="")


def _tell(subset: str, rows: Sequence[dict[str, str]]) -> list[str]:
    """Say what came out, rows of the index. Returns: the quarantined videos, each with its reason."""
    bad = [row for row in rows if row["status"] == "quarantined"]
    doubted = [row for row in rows if row["status"] == "ok" and row["reason"]]
    print(f"{subset}: {len(rows) - len(bad)} volumes, {len(doubted)} of them in doubt, {len(bad)} quarantined")
    for row in doubted:
        print(f"  in doubt: {subset}/{row['filename']}: {row['reason']}")
    return [f"{subset}/{row['filename']}: {row['reason']}" for row in bad]


def _end(subsets: Sequence[str], problems: Sequence[str], arguments: argparse.Namespace, source: "Source") -> None:
    """The last lines; an error with them where videos were quarantined."""
    from stagewise.console.ending import end_quarantined, ending
    from stagewise.crops.extraction import index_of

    tables = {subset: index_of(subset, arguments.shard).table for subset in subsets}
    written = [path for subset, table in tables.items() for path in (paths.roi_folder(subset), table)]
    what = "of the videos quarantined, without a volume"
    following = _following(subsets, arguments, source, ["--keep-going"] * bool(problems))
    end_quarantined(ending(written, following), problems, what, arguments.keep_going)


def _following(subsets: Sequence[str], arguments: argparse.Namespace, source: "Source", going: list[str]) -> str:
    """The next command: for the other subset, or of the next step; after a shard the one that gathers."""
    from stagewise.console.ending import command
    from stagewise.crops.extraction import index_of

    left_out = _left_out(arguments, source)
    others = [name for name in left_out if not paths.roi_index(name).exists() or index_of(name).shards()]
    if arguments.shard:
        others = [arguments.subset] * bool(arguments.subset)
    elif not others and any(paths.packed_volumes(paths.roi_folder(subset)).exists() for subset in subsets):
        return command("preproc_data/r05_pack_volumes.py")
    elif not others:
        return command("preproc_data/r02_verify_data.py", arguments, *going)
    return command("preproc_data/r01_extract_roi.py", arguments, *others, *_given(arguments), *going)


def _left_out(arguments: argparse.Namespace, source: "Source") -> Sequence[str]:
    """The subsets that are there and may be another command's: with names that are asked for, none."""
    return () if arguments.only else source.subsets()


def _given(arguments: argparse.Namespace) -> list[str]:
    """The words that say what r01 reads, for the same of another subset, or of all shards."""
    only = arguments.only if arguments.shard else None
    named = {"--codecs": arguments.codecs, "--input": arguments.input, "--only": only, "--cluster": arguments.cluster}
    words = [word for option, value in named.items() if value for word in (option, str(value))]
    return words + ["--unsigned"] * arguments.unsigned
