"""Which of a folder's nets a script is for, where the folder trains several that answer."""

import argparse
from collections.abc import Sequence
from typing import Protocol, TypeVar

from stagewise.console import cli
from stagewise.messages.commands import net_of


class Named(Protocol):
    """A stage."""

    name: str


Stage = TypeVar("Stage", bound=Named)


def parser(doc: str, stages: Sequence[Named], *options: str, one: bool = False) -> argparse.ArgumentParser:
    """`cli.parser`, with --net where there are several stages, which it calls by the ends of their names.

    one: whether the script is for one of them alone, the first if none is asked for; else for all.
    """
    made, nets = cli.parser(doc, *options), [net_of(stage.name) for stage in stages]
    if len(stages) > 1 and one:
        made.add_argument(
            "--net", dest="nets", choices=nets, nargs=1, default=nets[:1], help=f"which (default: {nets[0]})"
        )
    elif len(stages) > 1:
        made.add_argument(
            "--net", dest="nets", choices=nets, action="append", help="only this one; repeatable (default: all)"
        )
    return made


def asked(stages: Sequence[Stage], arguments: argparse.Namespace) -> list[Stage]:
    """The stages that the command line is about, in their own order."""
    nets = getattr(arguments, "nets", None)
    return [stage for stage in stages if nets is None or net_of(stage.name) in nets]


def net_options(arguments: argparse.Namespace) -> list[str]:
    """The words that ask another script of the folder for the same nets, or experiments."""
    return [word for net in getattr(arguments, "nets", None) or () for word in ("--net", net)]
