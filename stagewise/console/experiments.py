"""Which of a folder's experiments a script is for, and which of an experiment's parts."""

import argparse
from collections.abc import Mapping

from stagewise.console import cli
from stagewise.console.nets import net_options


def parser(doc: str, experiments: Mapping[str, Mapping], *options: str, one: bool = False) -> argparse.ArgumentParser:
    """`cli.parser`, with --net and --part.

    experiments: their parts by the parts' names, by their own; one: whether the script is for one of them alone.
    """
    made = cli.parser(doc, *options)
    named = {"nargs": 1} if one else {"action": "append"}
    asked = "which (default: the first that is trained)" if one else "only this one; repeatable (default: all trained)"
    made.add_argument("--net", dest="nets", choices=tuple(experiments), help=asked, **named)
    parts = dict.fromkeys(part for of in experiments.values() for part in of)
    made.add_argument("--part", choices=tuple(parts), help="answer by this part (default: the last that is trained)")
    return made


def options(arguments: argparse.Namespace) -> list[str]:
    """The words that ask another script for the same experiments and part."""
    return [*net_options(arguments), *["--part", arguments.part] * bool(arguments.part)]
