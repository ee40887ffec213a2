"""What every r52 does: choose clips, and write a video of each with its heat map."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stagewise.console import cli, nets
from stagewise.files import paths
from stagewise.messages.commands import REPORT, script_of

if TYPE_CHECKING:
    from stagewise.nets.net import Net
    from stagewise.recipes.recipe import Recipe


def show_clips(*stages: "Recipe", doc: str) -> None:
    """Parse an r52's command line, and write an mp4 and a GIF of each clip that it asks for.

    stages: their recipes, as the page has them. Raises InputError before anything is written.
    """
    arguments = _arguments(stages, doc)
    (stage,) = nets.asked(stages, arguments)
    from stagewise.console.ending import command, ending
    from stagewise.nets.net import chosen_block
    from stagewise.prediction.examples import choose
    from stagewise.prediction.inference import plan_out_of_fold
    from stagewise.prediction.threshold import read_threshold

    best = getattr(arguments, "best", False)
    plan = plan_out_of_fold(stage, arguments.split, arguments.folds, best)
    net, threshold = plan.recipe.net, read_threshold(plan, otherwise="")
    block = chosen_block(net, arguments.block)
    method = arguments.method or net.map_method
    examples = choose(plan, threshold, arguments.names, arguments.worst, arguments.sure)
    engine = engine_for(net, method, block, arguments.engine)
    asked = len(arguments.names) + arguments.worst + arguments.sure
    print(f"{plan.stage}: {len(examples)} clips of {asked} asked for, {method} behind block {block}", flush=True)
    if arguments.dry_run or not examples:
        for example in examples:
            mp4, gif = map(paths.shown, example.video_paths(plan.stage, method, block))
            print(f"{example.title(threshold)}\n  would write {mp4} and {gif}")
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, engine)
    from stagewise.heatmaps.videos import write_videos

    for mp4, gif in write_videos(examples, plan, method, block, threshold):
        print(f"wrote {paths.shown(mp4)} and {paths.shown(gif)}")
    more = [*["--best"] * best, *nets.net_options(arguments)]
    print(ending([], command(script_of(stage.name, REPORT), arguments, *more)))


def engine_for(net: "Net", method: str, block: int, asked: str | None) -> str | None:
    """The engine that can draw a map; asked: the one that the command line names, None for the fastest that there is.

    Raises InputError where one is asked for that takes no gradients, and they are needed.
    """
    from stagewise.machine.engines import KERAS, OPENVINO
    from stagewise.messages.errors import InputError

    if method != "gradcam" or block == len(net.map_shapes):  # whose gradients have a closed form
        return asked
    if asked == OPENVINO:
        raise InputError(f"Grad-CAM of block {block} takes gradients, which OpenVINO lacks; leave --engine out")
    return KERAS


def _arguments(stages: "Sequence[Recipe]", doc: str) -> argparse.Namespace:
    options = ("split", "fold", "gpu", "engine", "dry-run")
    parser = nets.parser(doc, stages, *options, *["best"] * bool(stages[0].kept.snapshots), one=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a clip; train/NAME or test/NAME where both have it")
    parser.add_argument("--worst", type=cli.at_least(0), default=0, metavar="N", help="the N surest mistakes")
    parser.add_argument("--sure", type=cli.at_least(0), default=0, metavar="N", help="the N surest right answers")
    parser.add_argument(
        "--method",
        choices=("statistics", "gradcam"),
        help="the winner's: standard deviation blue, maximum green, mean red; or 3D Grad-CAM (default: the recipe's)",
    )
    parser.add_argument(
        "--block",
        type=cli.at_least(1),
        metavar="B",
        help="the block behind which to look (default: the last with a map of 3x3x3 voxels or more)",
    )
    return parser.parse_args()
