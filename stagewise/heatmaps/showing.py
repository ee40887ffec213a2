"""What every r52 does: choose clips, and write a video of each with its heat map."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stagewise.console import cli, nets
from stagewise.files import paths
from stagewise.messages.commands import REPORT, script_of

if TYPE_CHECKING:
    from stagewise.recipes.recipe import Recipe


def show_clips(*stages: "Recipe", doc: str) -> None:
    """Parse an r52's command line, and write an mp4 and a GIF of each clip that it asks for.

    stages: their recipes, as the page has them. Raises InputError before anything is written.
    """
    arguments = _arguments(stages, doc)
    (stage,) = nets.asked(stages, arguments)
    from stagewise.console.ending import command, ending
    from stagewise.messages.errors import InputError
    from stagewise.nets.net import chosen_block
    from stagewise.prediction.examples import choose
    from stagewise.prediction.inference import plan_out_of_fold
    from stagewise.prediction.threshold import read_threshold

    plan = plan_out_of_fold(stage, arguments.split, arguments.folds)
    threshold, block = read_threshold(plan, otherwise=""), chosen_block(plan.recipe.net, arguments.block)
    examples = choose(plan, threshold, arguments.names, arguments.worst, arguments.sure)
    backwards = arguments.method == "gradcam" and block < len(plan.recipe.net.map_shapes)
    if backwards and arguments.engine == "openvino":
        raise InputError(f"Grad-CAM of block {block} takes gradients, which OpenVINO lacks; leave --engine out")
    asked = len(arguments.names) + arguments.worst + arguments.sure
    print(f"{len(examples)} clips of {asked} asked for, {arguments.method} behind block {block}", flush=True)
    if arguments.dry_run or not examples:
        for example in examples:
            mp4, gif = map(paths.shown, example.video_paths(arguments.method, block))
            print(f"{example.title(threshold)}\n  would write {mp4} and {gif}")
        return
    from stagewise.machine import device
    from stagewise.machine.engines import KERAS

    device.prepare_to_predict(arguments.gpu, arguments.engine or (KERAS if backwards else None))
    from stagewise.heatmaps.videos import write_videos

    for mp4, gif in write_videos(examples, plan, arguments.method, block, threshold):
        print(f"wrote {paths.shown(mp4)} and {paths.shown(gif)}")
    print(ending([], command(script_of(stage.name, REPORT), arguments, *nets.net_options(arguments))))


def _arguments(stages: "Sequence[Recipe]", doc: str) -> argparse.Namespace:
    parser = nets.parser(doc, stages, "split", "fold", "gpu", "engine", "dry-run", one=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a clip; train/NAME or test/NAME where both have it")
    parser.add_argument("--worst", type=cli.at_least(0), default=0, metavar="N", help="the N surest mistakes")
    parser.add_argument("--sure", type=cli.at_least(0), default=0, metavar="N", help="the N surest right answers")
    parser.add_argument(
        "--method",
        choices=("statistics", "gradcam"),
        default="statistics",
        help="the recipe's: standard deviation blue, maximum green, mean red; or 3D Grad-CAM (default: %(default)s)",
    )
    parser.add_argument(
        "--block",
        type=cli.at_least(1),
        metavar="B",
        help="the block behind which to look (default: the last with a map of 3x3x3 voxels or more)",
    )
    return parser.parse_args()
