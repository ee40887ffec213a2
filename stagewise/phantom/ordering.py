"""What r00 does: the command line, and the phantom competition that it asks for."""

import argparse

from stagewise.console import cli
from stagewise.files import paths
from stagewise.messages.errors import InputError

PROJECTS = 12  # as many as the real set has


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "seed", "workers", "dry-run")
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


def make_phantom(doc: str) -> None:
    """Parse r00's command line, check the order, then make it. Raises InputError before anything is written."""
    options = _arguments(doc)
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
