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

from r31_train import STAGE

from stagewise.console import cli
from stagewise.heatmaps.showing import show_clips


def main() -> None:
    """Show what the command line asks for."""
    show_clips(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
