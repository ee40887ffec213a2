"""Run the full recipe's sizes once on this machine: one optimizer step, one validation pass, and a falling loss.

    python bench/full_preset.py --weights densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5

Reads:  the ImageNet weights of --weights, as r04 takes them
Writes: nothing outside a temporary folder
Time:   about 10 minutes on 2 CPU cores that had other work too, and 8 GB of memory
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from measure import script

from stagewise.console import cli
from stagewise.files import paths

FIXED_BATCH_STEPS = 6


def make_data(weights: Path) -> None:
    """The inflated weights, phantom clips, their volumes and a split, by the numbered scripts, in the root."""
    script("preproc_data/r04_inflate_imagenet.py", "--weights", weights)  # first, as the file may be a wrong one
    script("preproc_data/r00_make_phantom.py", "--train", 24, "--test", 2, "--stalled-share", 0.5)
    script("preproc_data/r01_extract_roi.py")
    script("preproc_data/r03_gen_kfold_split.py", "--folds", 2, "--output", paths.split_csv())


def measure(workers: int) -> None:
    """Train stage 1 for one epoch of one optimizer step, then fit one batch again and again."""
    from stagewise.data.splits import read_split
    from stagewise.machine import device
    from stagewise.recipes.d121 import D121, IMAGENET
    from stagewise.recipes.recipe import changed
    from stagewise.training.plans import plan_training

    device.prepare()
    import numpy as np

    from stagewise.data.batches import TrainingBatches, load_clips
    from stagewise.training.train import compiled, start, train_folds

    stage = changed(D121, name="net_d121_stage1", start=IMAGENET, monitor="mcc", epochs=1, steps_per_epoch=20)
    plan = plan_training(stage, read_split(None), fold=0, seed=42)
    began = time.monotonic()
    train_folds([plan], workers, force=False)
    seconds = time.monotonic() - began
    print(f"{plan}\n20 batches accumulated into one step, and a validation pass: {seconds:.0f} s, compiling included")
    model = compiled(changed(stage, accumulation_steps=1))
    start(model, plan)
    task = TrainingBatches(stage, plan.training.volumes, plan.training.labels, 0, 42).task(0, 0)
    clips, stalled = load_clips(task).clips, np.array(task.stalled, np.float32)[:, None]
    losses = [float(model.train_on_batch(clips, stalled)) for _ in range(FIXED_BATCH_STEPS)]
    print("loss on one fixed batch:", *(f"{loss:.4f}" for loss in losses))
    print(f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
    if not (np.isfinite(losses).all() and losses[-1] < losses[0]):
        sys.exit("error: the loss did not fall")


def main() -> None:
    """Make the data in a temporary root, and measure there."""
    parser = cli.parser(__doc__, "workers")
    parser.add_argument("--weights", type=Path, required=True, metavar="H5", help="the 2D weights, as for r04")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        make_data(arguments.weights.absolute())
        measure(arguments.workers)


if __name__ == "__main__":
    cli.run(main)
