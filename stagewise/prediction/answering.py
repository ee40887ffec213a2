"""What every r42 does: the command line, the checks before anything heavy is loaded, then the answers."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stagewise.console import cli, nets
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.shards import files_of_shards, gathered
from stagewise.machine import cluster
from stagewise.messages.commands import REPORT, TEST, VOTE, script_of
from stagewise.messages.errors import InputError, QuarantinedError

if TYPE_CHECKING:  # they load pandas, which --help does not wait for
    import numpy as np
    import pandas as pd

    from stagewise.prediction.inference import InferencePlan
    from stagewise.prediction.parts import Answers
    from stagewise.recipes.recipe import Recipe


def answer_test(*stages: "Recipe", doc: str) -> None:
    """Parse an r42's command line, check everything that can be checked, and answer the test videos.

    stages: their recipes, as the page has them; submission.csv is then the last one's.

    Raises InputError before anything is predicted; QuarantinedError at the end where videos were left unanswered.
    """
    arguments = _arguments(stages, doc)
    from stagewise.prediction.adaptive import read_out_of_fold
    from stagewise.prediction.inference import plan_test
    from stagewise.prediction.sharding import answer_shard
    from stagewise.prediction.threshold import read_threshold
    from stagewise.prediction.unanswered import require_answerable, why_unanswered

    chosen = nets.asked(stages, arguments)
    plans = [plan_test(stage, arguments.split, arguments.folds, getattr(arguments, "best", False)) for stage in chosen]
    if arguments.shard:
        answer_shard(plans, arguments.shard, arguments, _gathering(plans[-1], arguments))
        return
    thresholds = [read_threshold(plan) if arguments.threshold is None else arguments.threshold for plan in plans]
    adaptive = arguments.prevalence, arguments.adaptive
    oofs = [read_out_of_fold(plan, *adaptive) if arguments.adaptive else None for plan in plans]
    reasons = why_unanswered(plans[0], None if arguments.cluster else arguments.workers)  # all answer the same videos
    require_answerable(plans[0], reasons, arguments.unanswered)
    left_out = f", {len(reasons)} more cannot be answered" if reasons else ""
    known = [_gathered(plan.without(reasons), arguments) for plan in plans]
    for plan, threshold in zip(plans, thresholds, strict=True):
        print(f"{plan.without(reasons)}{left_out}\n  stalled above {threshold}", flush=True)
    if arguments.dry_run:
        print(f"would write {paths.shown(paths.submission_csv())} and the tables that it follows from")
        return
    if any(len(found) < len(plan.table) - len(reasons) for found, plan in zip(known, plans, strict=True)):
        _prepare(arguments)
    each = zip(plans, thresholds, oofs, known, strict=True)
    written = [path for one in each for path in _answer(*one, reasons, arguments)]
    all_answered = all(paths.test_json(stage.name).exists() for stage in stages)
    following = VOTE if len(stages) > 1 and all_answered else REPORT
    _end(plans[-1], reasons, list(dict.fromkeys(written)), arguments, following)


def _arguments(stages: "Sequence[Recipe]", doc: str) -> argparse.Namespace:
    options = ("split", "fold", "gpu", "workers", "engine", "seed", "prevalence", "shard", "cluster", "dry-run")
    parser = nets.parser(doc, stages, *options, *["best"] * bool(stages[0].kept.snapshots))
    parser.add_argument("--threshold", type=cli.probability, metavar="P", help="stalled above it (default: r41's)")
    parser.add_argument(
        "--adaptive",
        nargs="?",
        type=cli.share,
        const=1e-4,
        metavar="BOUND",
        help="settle plainly flowing clips early, expecting --prevalence; BOUND: expected share of changed answers "
        "(default: %(const)s)",
    )
    parser.add_argument(
        "--unanswered",
        choices=("flowing", "blank"),
        help="answer the others where some videos have no whole volume, and call those flowing, or leave their rows "
        "blank; exit code 5 says so at the end (default: refuse, before anything is predicted)",
    )
    arguments = parser.parse_args()
    cluster.require(arguments.cluster, arguments.shard, arguments.workers, [arguments.gpu])
    if arguments.adaptive and (arguments.shard or arguments.cluster):
        part, option = ("a shard", "--shard") if arguments.shard else ("a cluster's worker", "--cluster")
        raise InputError(
            f"--adaptive settles clips by what it learns from all of them, which {part} does not see; "
            f"leave out --adaptive, or {option}"
        )
    return arguments


def _gathered(plan: "InferencePlan", arguments: argparse.Namespace) -> "Answers":
    """What shards have answered of the plan's videos, saying so. Raises InputError where that cannot be used."""
    from stagewise.prediction.parts import known_answers, require_none

    if arguments.adaptive:
        require_none(plan, "an adaptive ensemble makes no use of")
        return {}
    if parts := gathered(files_of_shards(paths.test_json(plan.stage))):
        known = known_answers(plan)
        print(f"{plan.stage}: {parts}: {len(known)} of {len(plan.table)} videos are answered")
        return known
    return {}


def _gathering(plan: "InferencePlan", arguments: argparse.Namespace) -> str:
    """The command that gathers the shards of this one."""
    more = ["--best"] * plan.best + nets.net_options(arguments)
    for option in ("threshold", "unanswered"):
        if (value := getattr(arguments, option)) is not None:
            more += [f"--{option}", str(value)]
    return command(script_of(plan.stage, TEST), arguments, *more)


def _answer(
    plan: "InferencePlan",
    threshold: float,
    oof: "pd.DataFrame | None",
    known: "Answers",
    reasons: dict[str, str],
    arguments: argparse.Namespace,
) -> list[Path]:
    """Predict what can be answered, and write all tables. oof: of an adaptive ensemble; known: of shards."""
    from stagewise.prediction.adaptive import predict_adaptive
    from stagewise.prediction.parts import answered_with, remove_parts
    from stagewise.prediction.submission import AnswerSettings, write_submission

    answered = plan.without(reasons)
    if oof is None:
        options, probabilities, passes = None, answered_with(answered, known, partial(_predict, arguments)), None
    else:
        options = {"prevalence": arguments.prevalence, "bound": arguments.adaptive, "seed": arguments.seed}
        answers = predict_adaptive(answered, oof, threshold, **options, workers=arguments.workers)
        probabilities, passes = answers.probabilities, answers.passes
        print(answers)
    settings = AnswerSettings(threshold, plan.weights_sha256, options, arguments.unanswered if reasons else None)
    written = write_submission(plan.recipe, plan.table, probabilities, settings, passes, reasons)
    remove_parts(plan.stage)
    return written


def _prepare(arguments: argparse.Namespace) -> None:
    """Load Keras on the device; on a cluster the workers do that."""
    if not arguments.cluster:
        from stagewise.machine import device

        device.prepare_to_predict(arguments.gpu, arguments.engine)


def _predict(arguments: argparse.Namespace, plan: "InferencePlan") -> "np.ndarray":
    """The probabilities of the plan's videos, by this machine or the cluster."""
    if arguments.cluster:
        from stagewise.prediction.spreading import predict_on_cluster

        return predict_on_cluster(plan, arguments.cluster, arguments.workers, arguments.gpu, arguments.engine)
    from stagewise.prediction.predict import predict_test  # Keras is loaded where it is needed

    return predict_test(plan, arguments.workers)


def _end(
    plan: "InferencePlan", reasons: dict[str, str], written: list[Path], arguments: argparse.Namespace, following: str
) -> None:
    """The last lines, with the step that follows; QuarantinedError with them where videos were left unanswered."""
    more: list[str] = []
    if following == REPORT:
        more += ["--best"] * plan.best + nets.net_options(arguments)[:2]
        more += [] if plan.split.path.exists() else ["--split", "YOUR.csv"]  # the report needs its rows
    last_lines = ending(written, command(script_of(plan.stage, following), arguments, *more))
    if not reasons:
        print(last_lines)
        return
    from stagewise.prediction.unanswered import told

    raise QuarantinedError(f"{told(plan, reasons, arguments.unanswered)}\n{last_lines}")
