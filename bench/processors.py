"""A training step and a forward pass on processors that are not at hand: with fewer instructions than this one has.

    bench/run.sh processors
    bench/run.sh processors --preset demo --repeats 9

oneDNN, in TensorFlow and in OpenVINO, keeps to AVX2 where ONEDNN_MAX_CPU_ISA says so. Without oneDNN is what TensorFlow
does by itself on a processor without AVX512-VNNI, AVX512-BF16 and AMX. OpenVINO computes in float32 where a processor
has no bfloat16. Clock, caches and memory are this processor's. Each way in a process of its own, in turn.
Time: 10 minutes on 2 CPU cores; 8 GB of memory.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import numpy as np
from measure import Served, digits, machine, ratio, serve, write_section

from stagewise.console import cli
from stagewise.recipes.d121 import D121, PRESETS
from stagewise.recipes.recipe import Recipe, changed

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
TENSORFLOW = {
    "TensorFlow": {},
    "TensorFlow, AVX2": AVX2,
    "TensorFlow, AVX2, without oneDNN": {**AVX2, "TF_ENABLE_ONEDNN_OPTS": "0"},
}
OPENVINO = {
    "OpenVINO, bf16 where the processor has it": {},
    "OpenVINO, f32": {},
    "OpenVINO, f32, AVX2": AVX2,
}
WAYS = {"a training step": TENSORFLOW, "a forward pass": {**TENSORFLOW, **OPENVINO}}
CLIPS = {"demo": 8, "full": 1}  # at once; three full nets with the recipe's batch of 6 would take 20 GB


def training_step(recipe: Recipe, clips: np.ndarray) -> Callable[[], object]:
    """The recipe's own step, without accumulation."""
    from stagewise.machine import device

    device.prepare()
    from stagewise.training.train import compiled

    model, stalled = compiled(changed(recipe, accumulation_steps=1)), np.zeros((len(clips), 1), np.float32)
    return lambda: model.train_on_batch(clips, stalled)


def forward_pass(recipe: Recipe, clips: np.ndarray, way: str) -> Callable[[], object]:
    """One fused net's answers, as r42 computes them."""
    from stagewise.machine import device

    device.prepare(engine="openvino" if way in OPENVINO else "keras")
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse

    net = fuse(recipe.net.build(data_format=device.fastest_data_format()))
    answer = predictor(net, "bf16" if "bf16" in way else "f32")
    return lambda: np.asarray(answer(clips))


def serve_one(preset: str, work: str, way: str) -> None:
    """Compile by a first call, then work for every line."""
    recipe = PRESETS[preset](D121)
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 256, (CLIPS[preset], *recipe.net.input_shape, 3), np.uint8)
    call = forward_pass(recipe, clips, way) if work == "a forward pass" else training_step(recipe, clips)
    call()

    def once() -> dict:
        call()
        return {}

    serve({}, once)


def compare(preset: str, work: str, repeats: int) -> list[tuple]:
    """All ways of a work in turn; a row a way, beside the first one."""
    with ExitStack() as stack:
        served = {
            way: stack.enter_context(Served(__file__, "--serve", preset, work, way, **settings))
            for way, settings in WAYS[work].items()
        }
        rounds = [{way: process.work()["seconds"] for way, process in served.items()} for _ in range(repeats)]
    seconds = {way: [one[way] for one in rounds] for way in served}
    first = next(iter(seconds.values()))
    rows = [
        (f"{preset}, {work}, {way}", digits(median(spent)), f"{ratio(first, spent):.2f}")
        for way, spent in seconds.items()
    ]
    for row in rows:
        print(*row, sep="  ", flush=True)
    return rows


def main() -> None:
    """Measure every way, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--preset", action="append", choices=tuple(CLIPS), help="repeatable (default: both)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one(*arguments.serve)
        return
    rows = [
        row for preset in arguments.preset or CLIPS for work in WAYS for row in compare(preset, work, arguments.repeats)
    ]
    write_section(
        "Other processors",
        "bench/run.sh processors",
        f"Clips at once: {', '.join(f'{preset} {clips}' for preset, clips in CLIPS.items())}; medians of "
        f"{arguments.repeats} rounds in turn. {machine('keras', 'tensorflow', 'openvino')}",
        ("net, work and way", "s", "times the first of its kind"),
        rows,
        keep=True,
    )


if __name__ == "__main__":
    cli.run(main)
