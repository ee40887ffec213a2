"""Check every image, mask and table against each other before hours of training, and draw what is there.

    python pneumothorax/r02_verify_data.py
    python pneumothorax/r02_verify_data.py --split my.csv      # a split of your own, too
    python pneumothorax/r02_verify_data.py --masks other.csv   # a second mask table, which must say the same
    python pneumothorax/r02_verify_data.py --keep-going        # a part of the images is meant: exit code 5, not 2

Reads:   input/xrays/, modified_data/xrays/, the split CSV if there is one
Writes:  modified_data/xrays/verify/{mask_areas,class_share,contact_sheet}.png, modified_data/xrays/verify/problems.csv
Time:    about 60 images a second and core (1024x1024)
Expect:  "no problems"; otherwise each kind of problem with its mend, every name in problems.csv, and exit code 2
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise.console import cli
from stagewise.files import paths, xray_paths
from stagewise.files.leftovers import remove_leftovers


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "split", "workers", "dry-run", "keep-going")
    parser.add_argument("--masks", type=Path, metavar="CSV", help="a second table of masks to compare with")
    return parser.parse_args()


def main() -> None:
    """Check, draw, list."""
    arguments = arguments_given()
    folder = paths.modified_data_folder() / "xrays" / "verify"
    if arguments.dry_run:
        images = sum(len(list(xray_paths.images_folder(subset).glob("[!.]*.png"))) for subset in paths.SUBSETS)
        print(f"would check {images} images and the tables, and write {paths.shown(folder)}")
        return

    from stagewise.checks.data_pictures import draw_classes
    from stagewise.checks.findings import end_with, write_problems
    from stagewise.console.ending import command, ending
    from stagewise.data.kinds import XRAYS
    from stagewise.xrays import pictures
    from stagewise.xrays.verification import usable_images, verify

    data = verify(arguments.split, arguments.masks, arguments.workers)
    print(*data.notes, sep="\n", end="\n" * bool(data.notes))
    remove_leftovers(folder)
    images = usable_images(data)
    if len(images):
        groups = {"all": images["positive"]}
        if data.has("split"):
            folds = data.tables["split"].groupby("fold")["positive"]
            groups |= {f"fold {fold}": positive for fold, positive in folds}
        draw_classes(folder / "class_share.png", groups, XRAYS)
        pictures.draw_contact_sheet(folder / "contact_sheet.png", images)
    if images["mask_pixels"].any():
        pictures.draw_areas(folder / "mask_areas.png", images)
    write_problems(problems := folder / "problems.csv", data.findings)
    script = "pneumothorax/r31_train_albunet_public.py" if data.has("split") else "pneumothorax/r03_gen_kfold_split.py"
    end_with(data.findings, problems, ending([folder], command(script, arguments)), arguments.keep_going)


if __name__ == "__main__":
    cli.run(main)
