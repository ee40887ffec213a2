"""Show where the nets look: a video of a clip, its heat map and both, for chosen clips, mistakes, or sure answers.

    python second_place_r101/r52_create_heatmap_video.py --worst 3 --sure 2       surest mistakes and right answers
    python second_place_r101/r52_create_heatmap_video.py 100007.mp4 100008.mp4    these clips, training or test
    python second_place_r101/r52_create_heatmap_video.py --worst 3 --method statistics --block 2
    python second_place_r101/r52_create_heatmap_video.py --worst 3 --best         each fold's best epoch alone

The map is Grad-CAM's, the mean over five snapshots: for a training clip over those of the fold that never saw it, for a
test clip over those of every fold. The winner drew none.

Reads:  models/second_place_r101_run1/fold_<k>/, models/second_place_r101_run2/fold_<k>/ and threshold.json,
        modified_data/kfold_split_5_42.csv (or --split), modified_data/second_place_r101_run2_oof.csv,
        modified_data/roi_parts/; for test clips subm/second_place_r101_run2_test.csv
Writes: subm/heatmaps/{train,test}/<name>_<method>_block<b>.mp4 and .gif
Time:   5 forward passes a clip and fold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from r32_train_run2 import STAGE

from stagewise.console import cli
from stagewise.heatmaps.showing import show_clips


def main() -> None:
    """Show what the command line asks for."""
    show_clips(STAGE, doc=__doc__)


if __name__ == "__main__":
    cli.run(main)
