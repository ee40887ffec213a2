"""Show where a net looks: a clip beside its Grad-CAM, frame by frame.

    python third_place_vote/r52_create_heatmap_video.py 100109 --net mc3       a clip, by its own fold's net
    python third_place_vote/r52_create_heatmap_video.py --worst 5 --sure 5     surest mistakes and right answers

Reads:  models/third_place_vote_<net>/fold_<k>/ and threshold.json, modified_data/third_place_vote_<net>_oof.csv,
        modified_data/kfold_split_5_42.csv (or --split), modified_data/roi_parts/
Writes: subm/heatmaps/{train,test}/<name>_<net>_<method>_block<b>.mp4 and .gif
Time:   a forward pass a clip and fold
Expect: bright where the features speak for the answer that is explained
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r31_train_r2plus1d import STAGE as R2PLUS1D
from r32_train_mc3 import STAGE as MC3
from r33_train_r3d import STAGE as R3D

from stagewise.console import cli
from stagewise.heatmaps.showing import show_clips


def main() -> None:
    """Show what the command line asks for."""
    show_clips(R2PLUS1D, MC3, R3D, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
