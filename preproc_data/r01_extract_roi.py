"""Crop every video to the inside of its orange outline.

    python preproc_data/r01_extract_roi.py                    # train and test
    python preproc_data/r01_extract_roi.py train --workers 8
    python preproc_data/r01_extract_roi.py --keep-going       # go on with the whole videos, exit code 5
    python preproc_data/r01_extract_roi.py --codecs h264      # no other decoder sees a file

Reads:   input/{train,test}/*.mp4, .mov, .m4v, .avi, .mkv, .webm; what else lies there is told
Writes:  modified_data/roi_parts/{train,test}/<name>.mp4.pklz, modified_data/roi_parts/{train,test}.csv
Time:    about 12 videos a second and core (512x384, 60 frames); the same command goes on after an interruption,
         and keeps what is whole by its checksum and of the video that is there
Expect:  a row a video in the index; one that is cut off, damaged, unreadable or without one closed outline is
         quarantined: it gets a row with the reason and no volume, and the script ends with exit code 2. Where other
         pixels are orange, too, the closed outline alone is cut, and the row has the reason; r02 shows it
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.files import paths
from stagewise.messages.errors import InputError, QuarantinedError, way_on


def main() -> None:
    """Extract the videos that have no volume yet, and tell of those that have none now."""
    parser = cli.parser(__doc__, "workers", "force", "keep-going", "dry-run")
    parser.add_argument("subset", nargs="?", choices=paths.SUBSETS, help="only these videos (default: both)")
    parser.add_argument("--codecs", metavar="LIST", help="the codecs that may be decoded, FFmpeg's names with commas")
    arguments = parser.parse_args()
    from stagewise.crops.input_videos import passed_over, subsets_there

    subsets = (arguments.subset,) if arguments.subset else subsets_there()
    for absent in () if arguments.subset else sorted({*paths.SUBSETS} - {*subsets}):
        print(f"{absent}: nothing in {paths.shown(paths.videos_folder(absent))}, left out")

    from stagewise.console.ending import command, ending
    from stagewise.crops import extraction
    from stagewise.video.codecs import CODECS, chosen

    codecs = chosen(arguments.codecs) if arguments.codecs else CODECS
    plans = {subset: extraction.plan(subset, arguments.force, codecs) for subset in subsets}  # fails before any work
    for subset, tasks in plans.items():
        known = sum(task.known is not None and task.known["status"] == "ok" for task in tasks)
        print(f"{subset}: {len(tasks)} videos, {known} of them extracted before and to be verified")
        print(f"  {paths.shown(tasks[0].volume)} ... {paths.shown(paths.roi_index(subset))}")
        print("".join(f"  passed over: {line}\n" for line in passed_over(subset)), end="")
    if arguments.dry_run:
        return

    problems = []
    for subset in subsets:
        rows = extraction.extract_subset(subset, arguments.workers, arguments.force, codecs)
        bad = [row for row in rows if row["status"] == "quarantined"]
        problems += [f"{subset}/{row['filename']}: {row['reason']}" for row in bad]
        doubted = [row for row in rows if row["status"] == "ok" and row["reason"]]
        print(f"{subset}: {len(rows) - len(bad)} volumes, {len(doubted)} of them in doubt, {len(bad)} quarantined")
        for row in doubted:
            print(f"  in doubt: {subset}/{row['filename']}: {row['reason']}")
    written = [path for subset in subsets for path in (paths.roi_folder(subset), paths.roi_index(subset))]
    others = [subset for subset in subsets_there() if not paths.roi_index(subset).exists()]
    if others:
        again = (*others, "--codecs", arguments.codecs) if arguments.codecs else others
        following = command("preproc_data/r01_extract_roi.py", arguments, *again, *["--keep-going"] * bool(problems))
    else:
        following = command("preproc_data/r02_verify_data.py", arguments, *["--keep-going"] * bool(problems))
    last_lines = ending(written, following)
    if problems:
        listed = "\n  ".join(problems)
        message = f"{len(problems)} of the videos quarantined, without a volume:\n  {listed}\n"
        if arguments.keep_going:
            raise QuarantinedError(f"{message}the others are done, as --keep-going asked\n{last_lines}")
        raise InputError(f"{message}replace them, and {way_on()}; or leave them out: --keep-going")
    print(last_lines)


if __name__ == "__main__":
    cli.run(main)
