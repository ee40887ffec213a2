"""The Python of a training step on JAX: what the trainer's own thread computes, by Keras' train_on_batch and by ours.

    bench/run.sh step_overhead

The net stands in for DenseNet121-3D: as many variables, 366 trained, 243 others and, with gradients accumulated, 1,100
of the optimizer, of two numbers each, and a step that adds one to each of them, so that there is next to nothing else
to compute. Steps of one model are taken in turns of Keras' own way and of training's; counted are the CPU seconds of
the thread that asks for them, a batch's way to the device and its loss's way back among them, and once an epoch those
of taking the variables out and putting them back. Training's has its arrays joined as it has them on a GPU, which need
not be there. TensorFlow and PyTorch have their variables on the device anyway. Time: 3 minutes, of which JAX compiles
for most.
"""

import os
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from measure import machine, write_section

from stagewise.console import cli
from stagewise.machine import device, steps
from stagewise.recipes.d121 import D121

if TYPE_CHECKING:
    import keras

TRAINED, OTHERS, OPTIMIZERS = 366, 243, 1100


def stand_in() -> "keras.Model":
    """A compiled model of as many variables, whose step's loss is how many steps its state has seen."""
    import keras

    class StandIn(keras.Model):
        def call(self, x, training=False):
            return x

        def train_step(self, state, batch):
            raised = [[value + 1 for value in values] for values in state]
            return {"loss": raised[0][0][0]}, raised

    model = StandIn()
    for number in range(TRAINED + OTHERS):
        model.add_weight((2,), "zeros", trainable=number < TRAINED, name=f"weight_{number}")
    model.built = True
    optimizer = keras.optimizers.Adam(D121.optimizer.learning_rate, gradient_accumulation_steps=20)
    model.compile(optimizer, "binary_crossentropy", jit_compile=device.jit_compile())
    optimizer.build(model.trainable_variables)
    assert len(model.non_trainable_variables) == OTHERS and len(optimizer.variables) == OPTIMIZERS
    return model


def milliseconds(model: "keras.Model", batch: tuple, count: int) -> tuple[float, float, float]:
    """Of the thread's CPU: a step by Keras, a step as training takes it, and what an epoch costs beside its steps."""
    start = time.thread_time()
    losses = [float(model.train_on_batch(*batch)) for _ in range(count)]
    keras_way = time.thread_time() - start
    begin = time.thread_time()
    with steps.training_steps(model) as train_on:
        start, before = time.thread_time(), train_on(*batch)
        for _ in range(count - 1):
            loss = train_on(*batch)
            losses.append(float(before))
            before = loss
        losses.append(float(before))
        ours = time.thread_time() - start
    epoch = time.thread_time() - begin - ours
    assert np.all(np.diff(losses) == 1), losses  # each step, of either way, goes on from the one before
    return keras_way / count * 1e3, ours / count * 1e3, epoch * 1e3


def main() -> None:
    """Measure batches of a single number and of the recipe's size, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--steps", type=cli.at_least(2), default=50, help="of a turn (default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="turns (default: %(default)s)")
    parser.add_argument("--apart", action="store_true", help="each array by itself, as on a CPU")
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    device.prepare()
    steps.packs = lambda: not arguments.apart
    model, rows = stand_in(), []
    for name, shape in {"one number a clip": (1,), "clips as the recipe's": (*D121.net.input_shape, 3)}.items():
        clips = np.zeros((D121.batch_size, *shape), np.uint8)
        batch = (clips, np.zeros((len(clips), 1), np.float32), None)
        milliseconds(model, batch, 2)  # compiles
        turns = [milliseconds(model, batch, arguments.steps) for _ in range(arguments.repeats)]
        keras_way, ours, epoch = map(median, zip(*turns, strict=True))
        times = median(one / other for one, other, _ in turns)
        rows.append((name, f"{keras_way:.2f}", f"{ours:.2f}", f"{times:.1f}", f"{epoch:.1f}"))
    write_section(
        "Python of a training step",
        "bench/run.sh step_overhead",
        f"{TRAINED + OTHERS + OPTIMIZERS + len(model.metrics_variables):,} variables on JAX, batches of "
        f"{D121.batch_size}; CPU milliseconds of the trainer's thread, medians of {arguments.repeats} turns of "
        f"{arguments.steps} steps either way. {machine('keras', 'jax')}",
        ("batch", "Keras' train_on_batch, a step", "training's, a step", "times", "an epoch besides"),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
