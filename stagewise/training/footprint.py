"""What a training takes of the machine, from the recipe's numbers alone: memory and disk, before Keras is loaded."""

from dataclasses import dataclass
from math import ceil, prod

from stagewise.machine.slots import slots_of
from stagewise.machine.steps import kept_bytes
from stagewise.recipes.recipe import Recipe

GIBIBYTE = 2**30
UNITS = ((GIBIBYTE, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
FLOAT = 4  # bytes
# Measured resident sizes on CPU: a process that has loaded TensorFlow and built the net; a worker that makes batches of
# the full preset (the demo's take 0.09).
LOADED, WORKER = 0.87 * GIBIBYTE, 0.15 * GIBIBYTE
STREAMS = 2  # of batches: the training's, which waits with its slots full while the validation's runs
IN_MEMORY = 6  # sets of weights: the net's, Adam's two moments, accumulated and new gradients, the best ones
IN_A_STATE = 5  # the same on disk, without new gradients
STATES = 3  # the last one, the one before, and the one that is being written


def size(count: float) -> str:
    """Bytes in words, such as `7.8 GiB` or `45 MiB`: in the largest unit of which there is one."""
    unit, name = next((pair for pair in UNITS if count >= pair[0]), UNITS[-1])
    return f"{count / unit:.{int(count < 10 * unit)}f} {name}"


@dataclass(frozen=True)
class Footprint:
    """Bytes: RAM where the net runs on the CPU (net and workers), GPU memory where it runs there, and disk.

    disk: for the fold that trains, its resume states among it; kept: for one that is finished, what it kept.

    The activations are counted once, for clips of a typical length where that is free: a batch of longer ones takes
    as much more. Measured peaks on CPU without workers: 7.5 GiB for the full preset, where this
    says 7.8, and 1.07 for the demo, where it says 1.01. GPU memory has its activations from what a compiler planned
    (`kept_bytes`), and was measured on none; convolutions' workspace and what a search for their algorithms takes come
    on top.
    """

    ram: float
    gpu: float
    disk: float
    kept: float

    def __str__(self) -> str:
        return (
            f"about {size(self.ram)} of RAM on a CPU (or {size(self.gpu)} of a GPU's memory), and {size(self.disk)} of "
            f"disk for the fold that trains, {size(self.kept)} for each that is finished"
        )


def footprint(recipe: Recipe, workers: int) -> Footprint:
    """What training fold after fold takes, with `workers` processes that prepare batches."""
    weights = FLOAT * recipe.net.parameters
    activations = recipe.batch_size * recipe.net.activation_floats
    batch = prod(recipe.prepared.largest) * recipe.batch_size  # uint8
    prepared = workers * WORKER + STREAMS * slots_of(workers) * batch
    files = 1 + recipe.kept.files
    return Footprint(
        ram=ceil(LOADED + IN_MEMORY * weights + FLOAT * activations + prepared),
        gpu=IN_MEMORY * weights + kept_bytes(recipe.gpu_precision) * activations + batch,
        disk=(STATES * IN_A_STATE + files) * weights,
        kept=files * weights,
    )
