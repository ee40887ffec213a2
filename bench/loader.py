"""The input pipeline: training samples a second by workers, and how long a training step waits for its batch.

    bench/run.sh loader

Stage 3's chain at the recipe's size over phantom clips. First batches are drawn as fast as they come, with 1 and 2
workers in turn; then the real training step runs on them, beside as many workers, and the time spent waiting for a
batch is set against the whole. The last row is arithmetic: samples a second of 16 workers at the rate of one.
Time: 9 minutes on 2 CPU cores.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from measure import in_turn, machine, script, write_section

from stagewise.console import cli
from stagewise.data.batches import TrainingBatches
from stagewise.files import paths
from stagewise.machine import device
from stagewise.machine.workers import WorkerPool
from stagewise.recipes.d121 import AUGMENTATION_DROPPED_PLANES, D121
from stagewise.recipes.recipe import changed
from stagewise.training import memory

if TYPE_CHECKING:
    import keras

CLIPS, BATCHES = 40, 20


def make_volumes() -> list[Path]:
    """Phantom volumes of real size, by the numbered scripts, in the root."""
    script("preproc_data/r00_make_phantom.py", "--train", CLIPS, "--test", 1)
    script("preproc_data/r01_extract_roi.py", "train")
    return sorted(paths.roi_folder("train").glob("*.pklz"))


def drawn(pool: WorkerPool, volumes: list[Path], batches: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches of one short epoch."""
    recipe = changed(D121, augmentation=AUGMENTATION_DROPPED_PLANES, steps_per_epoch=batches, epochs=1)
    stalled = np.arange(len(volumes)) % 4 == 0
    return TrainingBatches(recipe, volumes, stalled, fold=0, seed=0).stream(pool, 0)


def samples_a_second(volumes: list[Path], repeats: int) -> dict[int, float]:
    """Medians by the number of workers, which have loaded their modules before."""
    with WorkerPool(1) as one, WorkerPool(2) as two:
        candidates = {
            workers: lambda pool=pool: sum(len(clips) for clips, _ in drawn(pool, volumes, BATCHES))
            for workers, pool in ((1, one), (2, two))
        }
        seconds = in_turn(candidates, repeats)
    return {workers: BATCHES * D121.batch_size / median(of_workers) for workers, of_workers in seconds.items()}


def cpu_a_batch(volumes: list[Path]) -> float:
    """Milliseconds of the trainer's own CPU time to take a batch, without training."""
    with WorkerPool(2) as pool:
        stream = drawn(pool, volumes, BATCHES)
        next(stream)
        before = time.process_time()
        for _ in stream:
            continue
        return (time.process_time() - before) / (BATCHES - 1) * 1e3


def waiting_share(model: "keras.Model", workers: int, volumes: list[Path], steps: int) -> tuple[float, float, float]:
    """Seconds a training step, the largest share of one spent waiting for its batch, and the largest worker's MiB.

    Two steps go before, to warm up.
    """
    shares, seconds = [], []
    with WorkerPool(workers) as pool:
        stream = drawn(pool, volumes, steps + 2)
        for step in range(steps + 2):
            start = time.perf_counter()
            clips, stalled = next(stream)
            waited = time.perf_counter() - start
            model.train_on_batch(clips, stalled)
            if step >= 2:
                seconds.append(time.perf_counter() - start)
                shares.append(waited / seconds[-1])
        largest = max(map(_peak_mebibytes, memory.children()))
    return median(seconds), max(shares), largest


def _peak_mebibytes(process: str) -> float:
    """The most RAM that a process has held; `getrusage` would count what its parent held when it started it."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 2**10


def main() -> None:
    """Measure in a temporary root, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--repeats", type=cli.at_least(1), default=5)
    parser.add_argument("--steps", type=cli.at_least(1), default=10, help="training steps (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        volumes = make_volumes()
        rates = samples_a_second(volumes, arguments.repeats)
        taken = cpu_a_batch(volumes)
        device.prepare()
        from stagewise.training.train import compiled

        model = compiled(D121)
        waited = {workers: waiting_share(model, workers, volumes, arguments.steps) for workers in rates}
    rows = [
        (workers, f"{rates[workers]:.1f}", f"{seconds:.1f}", f"{share:.2%}", f"{peak:.0f}")
        for workers, (seconds, share, peak) in waited.items()
    ]
    write_section(
        "Input pipeline",
        "bench/run.sh loader",
        f"Batches of {D121.batch_size} at {D121.net.input_shape}, stage 3's chain; medians of {arguments.repeats} "
        f"rounds of {BATCHES} batches in turn, and of {arguments.steps} training steps. To take a batch costs the "
        f"trainer {taken:.1f} ms of CPU. {machine('numpy', 'opencv-python-headless', 'keras', 'tensorflow')}",
        ("workers", "samples/s", "s a training step beside them", "most of one spent waiting", "MiB a worker"),
        [*rows, (16, f"16 x {rates[1]:.1f} = {16 * rates[1]:.0f}, by arithmetic", "", "", "")],
    )


if __name__ == "__main__":
    cli.run(main)
