"""Check every volume and table against each other before hours of training, and draw what is there.

    python preproc_data/r02_verify_data.py
    python preproc_data/r02_verify_data.py --split my.csv
    python preproc_data/r02_verify_data.py --keep-going        # a part of the videos is meant: exit code 5, not 2
    python preproc_data/r02_verify_data.py --keep-going train  # of the training videos alone
    python preproc_data/r02_verify_data.py --shard 3/20        # a part of the volumes, as one of many jobs

Reads:   input/train_labels.csv, the other tables of input/ that are there, input/{train,test}/,
         modified_data/roi_parts/, the split CSV if there is one
Writes:  modified_data/verify/{crop_sizes,class_share,contact_sheet}.png, modified_data/verify/problems.csv
Time:    about 100 volumes a second and core, and some seconds for what sizes alone tell of the labels
Expect:  "no problems"; otherwise each kind of problem with its mend, every name in problems.csv, and exit code 2
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse

from stagewise.console import cli
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.volumes.packed import volume_files


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "split", "workers", "shard", "dry-run")
    parser.add_argument(
        "--keep-going",
        nargs="?",
        const="all",
        choices=("all", "train"),
        help="set bad inputs aside, and end with exit code 5; train: only where r42 could answer every test video",
    )
    return parser.parse_args()


def main() -> None:
    """Check, draw, list."""
    arguments = arguments_given()
    folder = paths.modified_data_folder() / "verify"
    if arguments.dry_run:
        shard, files = arguments.shard, [volume_files(paths.roi_folder(subset)) for subset in paths.SUBSETS]
        volumes = sum(shard is None or shard.has(name.removesuffix(".pklz")) for names in files for name in names)
        print(f"would check {volumes} volumes{' and the tables' * (not shard)}, and write {paths.shown(folder)}")
        return
    if arguments.shard:
        from stagewise.checks.verification import end_shard

        end_shard(arguments, folder / "problems.csv")
        return
    from stagewise.checks import data_pictures
    from stagewise.checks.contact_sheet import draw_contact_sheet
    from stagewise.checks.findings import end_with, write_problems
    from stagewise.checks.verification import labelled_groups, unanswerable, usable_volumes, verify
    from stagewise.checks.volume_checks import remove_shards
    from stagewise.console.ending import command, ending, first_training
    from stagewise.recipes.d121 import INPUT_SHAPE

    data = verify(arguments.split, arguments.workers)
    print(*data.notes, sep="\n", end="\n" * bool(data.notes))
    remove_leftovers(folder)
    volumes, groups = usable_volumes(data), labelled_groups(data)
    if len(volumes):
        data_pictures.draw_sizes(folder / "crop_sizes.png", volumes, INPUT_SHAPE)
    if groups:
        data_pictures.draw_classes(folder / "class_share.png", {k: v["stalled"] for k, v in groups.items()})
        draw_contact_sheet(folder / "contact_sheet.png", groups["all"], volumes)
    write_problems(problems := folder / "problems.csv", data.findings)
    remove_shards(problems)
    following = first_training(arguments) if data.has("split") else command("preproc_data/r03_gen_kfold_split.py")
    going = arguments.keep_going == "all" or (bool(arguments.keep_going) and not unanswerable(data))
    end_with(data.findings, problems, ending([folder], following), going)


if __name__ == "__main__":
    cli.run(main)
