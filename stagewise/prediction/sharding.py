"""What r42 does for a shard: answer its part of the test videos, and leave the tables to the command that gathers."""

import argparse
from collections.abc import Sequence
from functools import partial

from stagewise.console.ending import ending
from stagewise.files import paths
from stagewise.files.shards import Shard
from stagewise.messages.errors import QuarantinedError
from stagewise.prediction.inference import InferencePlan
from stagewise.prediction.parts import owning, part_of, write_part
from stagewise.prediction.unanswered import listed, require_answerable, why_unanswered


def answer_shard(plans: Sequence[InferencePlan], shard: Shard, arguments: argparse.Namespace, following: str) -> None:
    """Answer the shard's videos by each of the plans, whose videos are the same; a file a plan.

    following: the command that gathers. Raises InputError before any work where videos cannot be answered and no row
    was chosen for them; QuarantinedError at the end where they were left out; BusyError.
    """
    others = [name for name in plans[0].filenames if not shard.has(name)]
    plans = [plan.without(others) for plan in plans]
    reasons = why_unanswered(plans[0], arguments.workers)
    if arguments.unanswered is None:
        require_answerable(plans[0], reasons, None)
    left_out = f", {len(reasons)} more cannot be answered" if reasons else ""
    for plan in plans:
        print(f"shard {shard} of {plan.without(reasons)}{left_out}", flush=True)
    if arguments.dry_run:
        print("would write " + ", ".join(paths.shown(part_of(plan.stage, shard)) for plan in plans))
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    from stagewise.prediction.predict import predict_test

    written = []
    for plan in plans:
        with owning(plan.stage, shard):
            written.append(write_part(plan.without(reasons), shard, partial(predict_test, workers=arguments.workers)))
    last_lines = ending(written, following)
    if reasons:
        raise QuarantinedError(
            f"{len(reasons)} of the shard's {len(plans[0].table)} test videos not answered:\n  {listed(reasons)}\n"
            f"the command that gathers gives them their rows\n{last_lines}"
        )
    print(last_lines)
