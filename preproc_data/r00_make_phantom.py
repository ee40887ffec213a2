"""Make phantom competition data: outlined clips of capillaries that flow or are stalled, with all tables.

    python preproc_data/r00_make_phantom.py --train 1200 --test 300
    python preproc_data/r00_make_phantom.py --train 40 --test 10 --stalled-share 0.5 --seed 7 --dry-run
    python preproc_data/r00_make_phantom.py --hard

Reads:  nothing; refuses an input/ that is not empty, but for what an interrupted run of the same command has made
Writes: input/{train,test}/*.mp4, input/{train_labels,train_metadata,test_metadata,submission_format}.csv and
        input/phantom_test_labels.csv, which only r50 reads
Time:   about 15 clips a second on 2 cores, 13 with --hard
Expect: about 3 MB a clip, 4 with --hard
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse

from stagewise.console import cli
from stagewise.files import paths
from stagewise.messages.errors import InputError

PROJECTS = 12  # as many as the real set has


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "seed", "workers", "dry-run")
    parser.add_argument(
        "--train", type=cli.at_least(1), default=1200, metavar="N", help="training clips (default: %(default)s)"
    )
    parser.add_argument(
        "--test", type=cli.at_least(1), default=300, metavar="N", help="test clips (default: %(default)s)"
    )
    # 706 of the real set's 2,399 micro videos are stalled
    parser.add_argument(
        "--stalled-share", type=cli.probability, default=0.3, metavar="S", help="of all clips (default: %(default)s)"
    )
    # 540,242 of the 573,048 real videos are tier 1
    parser.add_argument(
        "--tier1-share", type=cli.probability, default=0.94, metavar="S", help="of all (default: %(default)s)"
    )
    parser.add_argument("--projects", type=int, default=PROJECTS, metavar="N", help="1-12 (default: %(default)s)")
    parser.add_argument(
        "--difficulty", type=float, default=1.0, metavar="D", help="factor of the noise (default: %(default)s)"
    )
    parser.add_argument(
        "--hard",
        action="store_true",
        help="as hard as real clips; what must not matter (optics, noise, vessels, speed, outline) drawn anew for each",
    )
    parser.add_argument(
        "--half",
        choices=("lower", "upper"),
        help="with --hard, of each range drawn from a half alone, to train on one and to test on the other",
    )
    return parser.parse_args()


def main() -> None:
    """Check the order, then make it."""
    options = arguments_given()
    if not 1 <= options.projects <= PROJECTS:
        raise InputError(f"--projects {options.projects} is not from 1 to {PROJECTS}")
    if not 0 < options.difficulty <= 20:
        raise InputError(f"--difficulty {options.difficulty} is not above 0 and at most 20")
    if options.half and not options.hard:
        raise InputError("--half is a half of what --hard draws; give --hard, too")

    from stagewise.console.ending import command, ending
    from stagewise.phantom import dataset

    order = dataset.Order(
        train=options.train,
        test=options.test,
        stalled_share=options.stalled_share,
        tier1_share=options.tier1_share,
        projects=options.projects,
        seed=options.seed,
        difficulty=options.difficulty,
        hard=options.hard,
        half=options.half,
    )
    folder = paths.input_folder()
    dataset.check_folder(folder, order)
    clips, megabytes = order.train + order.test, 4 if order.hard else 3
    print(f"{order.train} training and {order.test} test clips into {folder}, about {megabytes * clips} MB")
    if not options.dry_run:
        dataset.make(order, options.workers)
        print(ending([folder], command("preproc_data/r01_extract_roi.py", options)))


if __name__ == "__main__":
    cli.run(main)
