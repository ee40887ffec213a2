"""The Python of a training step: what the trainer's own thread computes, by Keras' train_on_batch and by ours.

    bench/run.sh step_overhead
    KERAS_BACKEND=jax python bench/step_overhead.py --backends jax --steps 100

The net stands in for DenseNet121-3D: as many layers with as many variables, 366 trained, 243 others and, with gradients
accumulated, 1,100 of the optimizer, of a number or two each, so that there is next to nothing else to compute. Steps of
one model are taken in turns of Keras' own way and of training's; counted are the CPU seconds of the thread that asks
for them, and once an epoch those of taking the variables out and putting them back. On JAX the net is computed by other
threads; on TensorFlow and PyTorch its kernels are in the figures, which are upper bounds there.
Time: 5 minutes on 2 CPU cores, most of it JAX's compilation.
"""

import argparse
import importlib.util
import os
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from measure import Served, machine, serve, write_section

from stagewise.console import cli

if TYPE_CHECKING:
    import keras

BACKENDS = ("tensorflow", "jax", "torch")
CONVOLUTIONS = 120  # of DenseNet121, a BatchNorm beside each
COUNTS = (366, 243, 1100)
CLIPS = 6


def stand_in() -> "keras.Model":
    """A compiled net of `COUNTS` variables: trained, others, and the optimizer's."""
    import keras
    from keras import layers

    from stagewise.machine import device

    clip = x = keras.Input((1,))
    for _ in range(CONVOLUTIONS):
        x = layers.BatchNormalization()(layers.Dense(1, use_bias=False)(x))
    x = layers.Dense(1, "sigmoid")(layers.BatchNormalization()(x))
    x = layers.Dense(1, "sigmoid")(layers.Dropout(0.5, seed=0)(x))
    model = keras.Model(clip, x)
    optimizer = keras.optimizers.Adam(1e-4, gradient_accumulation_steps=20)  # as the recipe's page has it
    model.compile(optimizer, "binary_crossentropy", jit_compile=device.jit_compile())
    optimizer.build(model.trainable_variables)
    found = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    assert tuple(map(len, found)) == COUNTS, tuple(map(len, found))
    return model


def milliseconds(model: "keras.Model", steps: int) -> dict[str, float]:
    """Of the thread's CPU: a step of either way, and what an epoch's begin and end cost beside its steps."""
    from stagewise.machine.steps import training_steps

    batch = (np.ones((CLIPS, 1), np.float32), np.arange(CLIPS, dtype=np.float32)[:, None] % 2, None)
    start = time.thread_time()
    for _ in range(steps):
        float(model.train_on_batch(*batch))
    keras_way = time.thread_time() - start
    before, begin = None, time.thread_time()
    with training_steps(model) as train_on:
        start = time.thread_time()
        for _ in range(steps):
            loss = train_on(*batch)
            if before is not None:
                float(before)
            before = loss
        float(before)
        ours = time.thread_time() - start
    epoch = time.thread_time() - begin - ours
    return {"keras": keras_way / steps * 1e3, "ours": ours / steps * 1e3, "epoch": epoch * 1e3}


def serve_steps(steps: int) -> None:
    """Compile by one step of either way, then take turns for every line."""
    from stagewise.machine import device

    device.prepare()
    model = stand_in()
    milliseconds(model, 1)
    serve({}, lambda: milliseconds(model, steps))


def row(backend: str, steps: int, repeats: int) -> tuple:
    """A line of the table."""
    with Served(__file__, "--steps", steps, "--serve", KERAS_BACKEND=backend) as served:
        turns = [served.work() for _ in range(repeats)]
    keras_way, ours, epoch = (median(turn[name] for turn in turns) for name in ("keras", "ours", "epoch"))
    times = median(turn["keras"] / turn["ours"] for turn in turns)
    return backend, f"{keras_way:.2f}", f"{ours:.2f}", f"{times:.1f}", f"{epoch:.1f}"


def main() -> None:
    """Measure each backend that is installed, and write the table."""
    parser = cli.parser(__doc__)
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--backends", nargs="+", choices=installed, default=installed, metavar="BACKEND")
    parser.add_argument("--steps", type=cli.at_least(2), default=50, help="of a turn (default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="turns (default: %(default)s)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_steps(arguments.steps)
        return
    write_section(
        "Python of a training step",
        "bench/run.sh step_overhead",
        f"{sum(COUNTS):,} variables; medians of {arguments.repeats} turns of {arguments.steps} steps either way, CPU "
        f"milliseconds of the trainer's thread; {os.getloadavg()[0]:.1f} processes at work. "
        f"{machine('keras', 'tensorflow', 'jax', 'torch')}",
        ("backend", "Keras' train_on_batch, ms a step", "training's, ms a step", "times", "ms an epoch besides"),
        [row(backend, arguments.steps, arguments.repeats) for backend in arguments.backends],
        keep=True,
    )


if __name__ == "__main__":
    cli.run(main)
