"""What r61 does: compare the ways to join stages, take one, and write the submission with how it was made."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.messages.commands import JOIN, OUT_OF_FOLD
from stagewise.messages.errors import InputError

if TYPE_CHECKING:  # they load pandas, which --help does not wait for
    from stagewise.joining.comparing import Comparison, Fitted, Uncompared
    from stagewise.joining.rules import Rule
    from stagewise.joining.tables import Tables


def join_stages(doc: str, winners: Mapping[str, float] | None = None) -> None:
    """Parse an r61's command line and join. Raises InputError before anything is written.

    winners: the stages whose majority answers if no other method is asked for, and the thresholds of --method winner;
    None where the command line names the stages.
    """
    arguments = _arguments(doc, winners)
    from stagewise.joining.rules import joining_rules, single_stages, winners_vote
    from stagewise.joining.tables import read_tables

    tables = read_tables(arguments.stages, arguments.common)
    singles, joining = single_stages(tables.stages), joining_rules(len(tables.stages))
    if winners:
        joining.insert(0, winners_vote([winners[stage] for stage in tables.stages]))
    _require_known(arguments.method, [rule.name for rule in (*singles, *joining)])
    method = arguments.method or arguments.own
    _require_classes(tables, method, [*singles, *joining])
    print(tables, flush=True)
    if arguments.dry_run:
        print(f"would read {', '.join(map(paths.shown, tables.files))}")
        print(f"would write {', '.join(map(paths.shown, _written()))}")
        return
    scored = _scored(tables, singles, joining, method, arguments.seed)
    print(scored)
    chosen, why = _chosen(scored, arguments.method, arguments.own)
    print(f"taken: {chosen.name}, {why}")
    _write(tables, scored, chosen, why, arguments)
    print(ending(_written(), command("join/r50_score_phantom.py") if paths.phantom_answers().exists() else None))


def score_joined(doc: str) -> None:
    """What join/r50 does: print the joined submission's confusion matrix, MCC and ROC AUC, on the phantom."""
    from stagewise.prediction.phantom_score import score_answers

    score_answers([paths.JOINED], doc, f"run: {JOIN} STAGE STAGE")


def _arguments(doc: str, winners: Mapping[str, float] | None) -> argparse.Namespace:
    parser = cli.parser(doc, "seed", "dry-run")
    if winners:
        method, ways = f"{len(winners) // 2 + 1}-of-{len(winners)}", "winner (votes at the winner's thresholds), "
        parser.set_defaults(stages=list(winners), own=method)
    else:
        method, ways = "the simplest within the interval of the best", ""
        parser.set_defaults(own=None)
        parser.add_argument("stages", nargs="+", metavar="STAGE", help="a stage whose r41 and r42 have answered")
    parser.add_argument(
        "--method",
        metavar="NAME",
        help=f"join this way: {ways}mean, ranks, K-of-N, weighted, stacking, single (the best stage) or a stage's name "
        f"(default: {method})",
    )
    parser.add_argument(
        "--common", action="store_true", help="score the clips that all stages hold out, where some hold out more"
    )
    return parser.parse_args()


def _require_known(method: str | None, names: list[str]) -> None:
    if method not in (None, "single", *names):
        raise InputError(f"there is no way to join called {method}; take one of single, {', '.join(names)}")


def _require_classes(tables: "Tables", method: str | None, rules: "list[Rule]") -> None:
    """Raise InputError where a class lacks, so that ways cannot be compared to choose one, or the method not fitted."""
    if not tables.not_compared:
        return
    if method in (None, "single"):
        raise InputError(
            f"{tables.not_compared}, so that nothing is fitted there, and ways to join are not compared; name one, "
            "to be fitted to all clips as they are: --method NAME, with one of "
            f"{', '.join(rule.name for rule in rules)} (to choose among them takes answers of more folds)"
        )
    from stagewise.joining.stage_tables import commands_of

    learning, stalled = [rule.name for rule in rules if rule.learns], tables.labels.sum()
    if method in learning and not 0 < stalled < len(tables.labels):
        others = "".join(f", or add --method {rule.name}, which learns nothing" for rule in rules if not rule.learns)
        raise InputError(
            f"of {len(tables.labels)} clips {stalled} are stalled, and {method} is fitted to both classes; run all on "
            f"one split and the same folds: {commands_of(tables.stages, OUT_OF_FOLD)}{others}"
        )


def _scored(
    tables: "Tables", singles: "list[Rule]", joining: "list[Rule]", method: str | None, seed: int
) -> "Comparison | Uncompared":
    """All rules compared out of fold; where that cannot be, the one that was asked for."""
    from stagewise.joining.comparing import Uncompared, compare, fit_whole

    if tables.not_compared:
        (rule,) = (rule for rule in (*singles, *joining) if rule.name == method)
        return Uncompared(fit_whole(rule, tables.labels, tables.oof))
    clips = (tables.labels, tables.folds, tables.oof)
    return compare(singles, joining, clips, tables.project, seed)


def _chosen(scored: "Comparison | Uncompared", asked: str | None, own: str | None) -> "tuple[Fitted, str]":
    """The candidate to answer with, and why. asked: --method; own: the recipe's, where it has one."""
    if method := asked or own:
        named = {candidate.name: candidate for candidate in reversed(scored.candidates)}
        why = f"as --method {asked} asked" if asked else "the recipe's own way"
        return named.get(method, scored.candidates[0]), why
    best = scored.candidates[scored.best].name
    return (
        scored.candidates[scored.simplest],
        f"the simplest within the interval of the best by MCC, {best} (in the order: the best stage, mean, ranks, "
        "votes, weighted, stacking)",
    )


def _written() -> list[Path]:
    return [paths.test_csv(paths.JOINED), paths.submission_csv(), paths.joined_json()]


def _write(
    tables: "Tables", scored: "Comparison | Uncompared", chosen: "Fitted", why: str, arguments: argparse.Namespace
) -> None:
    """Answer the test videos, and write the answers and how they were made."""
    import pandas as pd

    from stagewise.folds.runs import write_json
    from stagewise.folds.versions import versions
    from stagewise.prediction.submission import as_asked, write_tables
    from stagewise.scores.score import is_stalled

    joint, names = chosen.joint, tables.asked["filename"]
    scores = pd.Series(joint.of(tables.test), index=names[tables.answered])
    stalled = pd.Series(is_stalled(scores, joint.threshold), index=scores.index, dtype="Int64")
    print(f"test: {stalled.sum()} of {len(stalled)} videos called stalled, above {joint.threshold:.4g}")
    made = {
        "method": chosen.name,
        "why": why,
        "stages": tables.stages,
        "threshold": joint.threshold,
        **joint.content(tables.stages),
        "seed": arguments.seed,
        "unanswered": tables.unanswered,
        "clips": len(tables.labels),
        "not_compared": tables.not_compared or None,
        "scores": scored.content(),
        "made_from": {paths.shown(file): paths.sha256_of(file) for file in tables.files},
        "versions": versions(),
    }
    remove_leftovers(paths.submission_folder())
    submission = as_asked(tables.asked["asked"].to_numpy(), stalled.reindex(names), tables.unanswered)
    joined = scores.reindex(names).rename("probability").rename_axis("filename").reset_index()
    written = write_tables({paths.test_csv(paths.JOINED): joined, paths.submission_csv(): submission})
    write_json(paths.joined_json(), made | {"tables": written})
