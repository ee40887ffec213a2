"""What r01 of the X-rays does: convert the files that have no image yet, and tell of those that have none now."""

import argparse
from collections.abc import Sequence

from stagewise.console import cli
from stagewise.files import paths, xray_paths

BOTH = "both"


def convert_files(doc: str) -> None:
    """Parse r01's command line and convert what it asks for.

    Raises InputError before any work, or where files were quarantined; QuarantinedError where `--keep-going` asked to
    leave these out.
    """
    arguments = _arguments(doc)
    from stagewise.xrays import conversion
    from stagewise.xrays.dicom_files import passed_over, subsets_there

    subsets = subsets_there() if arguments.subset == BOTH else (arguments.subset,)
    for absent in sorted({*paths.SUBSETS} - {*subsets}) if arguments.subset == BOTH else ():
        print(f"{absent}: nothing in {paths.shown(xray_paths.dicom_folder(absent))}, left out")
    plans = {subset: conversion.plan(subset, arguments.force) for subset in subsets}  # fails before any work
    for subset, tasks in plans.items():
        known = sum(task.known is not None and task.known["status"] == "ok" for task in tasks)
        print(f"{subset}: {len(tasks)} files, {known} of them converted before and to be verified")
        print(f"  {paths.shown(tasks[0].image)} ... {paths.shown(xray_paths.index(subset))}")
        print("".join(f"  passed over: {line}\n" for line in passed_over(subset)), end="")
    if not arguments.dry_run:
        problems = []
        for subset in subsets:
            problems += _tell(subset, conversion.convert_subset(subset, arguments.workers, arguments.force))
        _end(subsets, problems, arguments)


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "workers", "force", "keep-going", "dry-run")
    choices = (*paths.SUBSETS, BOTH)
    parser.add_argument("subset", nargs="?", choices=choices, default=BOTH, help="only these files (default: both)")
    return parser.parse_args()


def _tell(subset: str, rows: Sequence[dict[str, str]]) -> list[str]:
    """Say what came out, rows of the index. Returns: the quarantined files, each with its reason."""
    bad = [row for row in rows if row["status"] == "quarantined"]
    masks = sum(bool(row["mask_sha256"]) for row in rows)
    masked = f", {masks} of them with a mask" if subset == "train" else ""
    print(f"{subset}: {len(rows) - len(bad)} images{masked}, {len(bad)} quarantined")
    return [f"{subset}/{row['filename']}: {row['reason']}" for row in bad]


def _end(subsets: Sequence[str], problems: Sequence[str], arguments: argparse.Namespace) -> None:
    """The last lines; an error with them where files were quarantined."""
    from stagewise.console.ending import command, end_quarantined, ending
    from stagewise.xrays.dicom_files import subsets_there

    written = [path for subset in subsets for path in (xray_paths.images_folder(subset), xray_paths.index(subset))]
    others = [subset for subset in subsets_there() if not xray_paths.index(subset).exists()]
    script = "pneumothorax/r01_convert_dicom.py" if others else "pneumothorax/r02_verify_data.py"
    following = command(script, arguments, *others, *["--keep-going"] * bool(problems))
    what = "of the files quarantined, without an image"
    end_quarantined(ending(written, following), problems, what, arguments.keep_going)
