"""Show where the nets look: a video of a clip, its heat map and both, for chosen clips, mistakes, or sure answers.

    python net_d121_stage3_tier1/r52_create_heatmap_video.py --worst 3 --sure 2       surest mistakes and right answers
    python net_d121_stage3_tier1/r52_create_heatmap_video.py 100007.mp4 100008.mp4    these clips, training or test
    python net_d121_stage3_tier1/r52_create_heatmap_video.py --worst 3 --method gradcam --block 1

A training clip is shown by the fold that never saw it, a test clip by the mean over the folds.

Reads:  models/net_d121_stage3_tier1/fold_<k>/ and threshold.json, modified_data/kfold_split_5_42.csv (or --split),
        modified_data/net_d121_stage3_tier1_oof.csv, modified_data/roi_parts/;
        for test clips subm/net_d121_stage3_tier1_test.csv
Writes: subm/heatmaps/{train,test}/<name>_<method>_block<b>.mp4 and .gif
Time:   a forward pass a clip and fold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise.console import cli
from stagewise.files import paths

STAGE = Path(__file__).parent.name


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "split", "fold", "gpu", "engine", "dry-run")
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
        help="the dense block behind which to look (default: the last with a map of 3x3x3 voxels or more)",
    )
    return parser.parse_args()


def main() -> None:
    """Choose clips, and write a video of each."""
    arguments = arguments_given()
    from stagewise.console.ending import command, ending
    from stagewise.messages.errors import InputError
    from stagewise.nets.sizes import chosen_block
    from stagewise.prediction.examples import choose
    from stagewise.prediction.inference import plan_out_of_fold
    from stagewise.prediction.threshold import read_threshold

    plan = plan_out_of_fold(STAGE, arguments.split, arguments.folds)
    threshold, block = read_threshold(plan, otherwise=""), chosen_block(plan.net, arguments.block)
    examples = choose(plan, threshold, arguments.names, arguments.worst, arguments.sure)
    backwards = arguments.method == "gradcam" and block < len(plan.net.blocks)
    if backwards and arguments.engine == "openvino":
        raise InputError(f"Grad-CAM of block {block} takes gradients, which OpenVINO lacks; leave --engine out")
    asked = len(arguments.names) + arguments.worst + arguments.sure
    print(f"{len(examples)} clips of {asked} asked for, {arguments.method} behind dense block {block}", flush=True)
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
    print(ending([], command(f"{STAGE}/r51_report.py", arguments)))


if __name__ == "__main__":
    cli.run(main)
