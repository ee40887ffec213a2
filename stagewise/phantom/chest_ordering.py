"""What the pneumothorax recipe's r00 does: the command line, and the phantom X-rays that it asks for."""

import argparse

from stagewise.console import cli
from stagewise.files import paths, xray_paths
from stagewise.messages.errors import InputError

SIDES = (64, 4096)


def _arguments(doc: str) -> argparse.Namespace:
    parser = cli.parser(doc, "seed", "workers", "dry-run")
    parser.add_argument(
        "--train", type=cli.at_least(1), default=400, metavar="N", help="training films (default: %(default)s)"
    )
    parser.add_argument(
        "--test", type=cli.at_least(1), default=80, metavar="N", help="test films (default: %(default)s)"
    )
    # 2,669 of the competition's 12,047 training images are positive
    parser.add_argument(
        "--positive-share",
        type=cli.probability,
        default=0.22,
        metavar="S",
        help="of all films, with a pneumothorax (default: %(default)s)",
    )
    parser.add_argument("--side", type=int, default=1024, metavar="PIXELS", help="of a film (default: %(default)s)")
    parser.add_argument(
        "--least-area",
        type=cli.at_least(0),
        default=0,
        metavar="PIXELS",
        help="of 1024x1024; of the real areas those above it alone, for nets of small input (default: %(default)s)",
    )
    return parser.parse_args()


def make_phantom(doc: str) -> None:
    """Parse r00's command line, check the order, then make it. Raises InputError before anything is written."""
    options = _arguments(doc)
    if not SIDES[0] <= options.side <= SIDES[1] or options.side % 2:
        raise InputError(f"--side {options.side} is not an even number from {SIDES[0]} to {SIDES[1]}")

    from stagewise.console.ending import command, ending
    from stagewise.phantom import chest_dataset

    names = ("train", "test", "positive_share", "side", "seed", "least_area")
    order = chest_dataset.Order(**{name: getattr(options, name) for name in names})
    folder = xray_paths.mask_table().parent
    chest_dataset.check_folder(order)
    megabytes = (order.train + order.test) * 0.5 * (order.side / 1024) ** 2
    print(f"{order.train} training and {order.test} test films into {paths.shown(folder)}, about {megabytes:.0f} MB")
    if not options.dry_run:
        chest_dataset.make(order, options.workers)
        print(ending([folder], command("pneumothorax/r01_convert_dicom.py", options)))
