"""What Python spends on a batch of answers, apart from the nets: by Keras' own `predict_on_batch`, and by `engines`.

    bench/run.sh answer_host
    KERAS_BACKEND=jax python bench/answer_host.py --repeats 50

Five nets with as many variables as five of the recipe's, merged as r42 merges them, and nothing to compute: layers of
one unit. Both ways in turn, in CPU seconds of the process, so that other work on the machine counts little.
Time: 2 minutes on a CPU core.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from measure import machine, write_section

from stagewise.console import cli

FOLDS, VARIABLES, BATCH = 5, 431, 48  # variables of a fused DenseNet121-3D with its head, dropout's state among them
CLIP = (2, 2, 2, 3)


def nets(folds: int, variables: int) -> list:
    """Of layers of one unit, two variables each."""
    import keras

    made = []
    for _ in range(folds):
        clip = keras.Input(CLIP, dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(clip))
        for _ in range(variables // 2):
            x = keras.layers.Dense(1)(x)
        made.append(keras.Model(clip, x))
    return made


def spent(call: Callable[[], object]) -> float:
    """CPU seconds of the process for one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def rows(repeats: int, variables: int) -> list[tuple]:
    """A line a way, of calls in turn."""
    from stagewise.machine.engines import predictor
    from stagewise.prediction.ensemble import merge

    model = merge(nets(FOLDS, variables))
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, *CLIP), np.uint8)
    seconds = {"predict_on_batch": [], "engines.predictor": []}
    for number in range(repeats + 1):  # the first of each compiles
        asked = spent(lambda: model.predict_on_batch(clips))
        predict = predictor(model, "f32")  # made anew, for Keras' own way gives the model other arrays on JAX
        answered = spent(lambda predict=predict: np.asarray(predict(clips)))
        if number:
            seconds["predict_on_batch"].append(asked)
            seconds["engines.predictor"].append(answered)
    least, first = {name: 1e3 * min(of) for name, of in seconds.items()}, seconds["predict_on_batch"]
    return [
        (
            name,
            f"{1e3 * statistics.median(of):.2f}",
            f"{least[name]:.2f}",
            f"{statistics.median(a / b for a, b in zip(of, first, strict=True)):.3f}",
        )
        for name, of in seconds.items()
    ]


def main() -> None:
    """Measure on the backend that KERAS_BACKEND names, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--repeats", type=cli.at_least(1), default=30, help="pairs (default: %(default)s)")
    parser.add_argument("--variables", type=cli.at_least(2), default=VARIABLES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    from stagewise.machine import device

    line = device.prepare("none")
    write_section(
        f"Python a batch of answers, {os.environ['KERAS_BACKEND']}",
        f"KERAS_BACKEND={os.environ['KERAS_BACKEND']} bench/run.sh answer_host --repeats {arguments.repeats}",
        f"{FOLDS} nets of {arguments.variables} variables, {BATCH} clips; {arguments.repeats} pairs. "
        f"{line}. {machine()}",
        ("way", "CPU ms a batch, median", "least", "of predict_on_batch's, median of pairs"),
        rows(arguments.repeats, arguments.variables),
    )


if __name__ == "__main__":
    cli.run(main)
