"""What a fold's training pays before its first batch counts: a newly compiled net, against the net of the fold before.

    bench/run.sh startup

r31 compiles one net for all its folds and puts every fold's start into it; the peer is a net built and compiled for
each fold. Seconds go from the fold's start to the end of its first training step and its first prediction, both ways in
turn in one process, for the demo's net and for the recipe's (at 32x32x32 voxels, where a step is short and the graph is
that of the full size).
Time: 5 minutes on 2 CPU cores.
"""

import os
import tempfile
from collections.abc import Callable
from statistics import median

import numpy as np
from measure import digits, in_turn, machine, ratio, script, write_section

from stagewise.console import cli
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.machine import device
from stagewise.recipes.d121 import D121, PRESETS
from stagewise.recipes.recipe import Recipe
from stagewise.training.plans import TrainingPlan, plan_training

NETS = {"demo": "the demo's net", "small": "the recipe's net"}


def make_data() -> None:
    """Phantom volumes and a split, by the numbered scripts, in the root."""
    script("preproc_data/r00_make_phantom.py", "--train", 24, "--test", 1, "--stalled-share", 0.5)
    script("preproc_data/r01_extract_roi.py", "train")
    script("preproc_data/r03_gen_kfold_split.py", "--folds", 2, "--output", paths.split_csv())


def first_batches(recipe: Recipe, plan: TrainingPlan) -> dict[str, Callable[[], None]]:
    """Both ways to the end of a fold's first training step and first prediction."""
    from stagewise.training.train import compiled, start

    clips = np.zeros((recipe.batch_size, *recipe.net.input_shape, 3), np.uint8)
    stalled = np.zeros((recipe.batch_size, 1), np.float32)
    kept = compiled(recipe)

    def begin(model: object) -> None:
        start(model, plan)
        model.train_on_batch(clips, stalled)
        model.predict_on_batch(clips)

    return {"kept": lambda: begin(kept), "new": lambda: begin(compiled(recipe))}


def main() -> None:
    """Measure in a temporary root, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        make_data()
        device.prepare()
        for preset, name in NETS.items():
            recipe = PRESETS[preset](D121)
            plan = plan_training(recipe, read_split(None), fold=0, seed=42)
            seconds = in_turn(first_batches(recipe, plan), arguments.repeats)
            spent = {way: digits(median(of_way)) for way, of_way in seconds.items()}
            rows.append((name, spent["kept"], spent["new"], f"{ratio(seconds['kept'], seconds['new']):.1f}"))
    write_section(
        "Start-up of a fold",
        "bench/run.sh startup",
        f"Seconds to the end of the first training step and the first prediction; medians of {arguments.repeats}. "
        f"{machine('keras', 'tensorflow')}",
        ("net", "with the net of the fold before, as r31 does", "with a newly compiled one", "ratio"),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
