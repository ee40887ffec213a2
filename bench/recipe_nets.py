"""Each recipe's net at its full size: training on one batch, a validation pass, and a forward pass beside its peer's.

    bench/run.sh recipe_nets
    bench/run.sh recipe_nets --nets r3d mc3 --repeats 3

A net trains on one batch of its recipe's size, by its loss, optimizer and first learning rate, without augmentation:
the loss must be finite and fall. Its forward pass in float32 on the CPU, one clip as it is answered, runs in turn with
its peer's in PyTorch: MONAI's resnet101 and torchvision's video nets.
Time: 10 minutes on 2 CPU cores; 12 GB of memory.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from measure import Served, digits, machine, ratio, serve, write_section
from peers import allow_torchvision
from train_step import peak_gibibytes

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.r101 import R101
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.vote import MC3, R2PLUS1D, R3D, VOTE

RECIPES = {"r101": R101} | {net.family: replace(VOTE, net=net) for net in (R2PLUS1D, MC3, R3D)}
FRAMES = 64  # of a clip, which the competition's have mostly
R101_IN_MONAI = {"conv1_t_size": 7, "conv1_t_stride": (1, 2, 2), "shortcut_type": "B", "bias_downsample": False}
PEERS = {"r2plus1d": "r2plus1d_18", "mc3": "mc3_18", "r3d": "r3d_18"}  # torchvision's names


def clips_of(recipe: Recipe, count: int) -> np.ndarray:
    """(count, T, H, W, C) uint8 noise, some clips brighter than others."""
    shape, generator = (FRAMES, *recipe.prepared.largest[1:]), np.random.default_rng(0)
    return np.stack([generator.integers(0, top, shape, np.uint8) for top in np.linspace(80, 256, count)])


def serve_training(recipe: Recipe) -> None:
    """Build and compile; a line is a step, and the seconds of a validation pass over the batch go with it."""
    from stagewise.machine import device

    device.prepare()
    import time

    from stagewise.training.train import compiled

    model, clips = compiled(recipe), clips_of(recipe, recipe.batch_size)
    stalled = (np.arange(len(clips), dtype=np.float32)[:, None] + 1) % 2

    def step() -> dict[str, float]:
        return {"loss": float(model.train_on_batch(clips, stalled))}

    def validated() -> dict[str, float]:
        start = time.perf_counter()
        finite = bool(np.isfinite(model.predict_on_batch(clips)).all())
        return {"validation": time.perf_counter() - start, "finite": finite, "peak": peak_gibibytes("tensorflow")}

    first = step()["loss"], validated()["finite"]  # compiles both
    serve({"loss": first[0]}, step, validated)


def ours(recipe: Recipe, engine: str) -> Callable[[np.ndarray], object]:
    """The net as it answers a clip, on an engine."""
    from stagewise.machine import device

    device.prepare(engine=engine)
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse

    return predictor(fuse(recipe.net.build(data_format=device.fastest_data_format())), "f32")


def peer(name: str, recipe: Recipe) -> Callable[[np.ndarray], object]:
    """The same net in PyTorch. BatchNorm of the third place's nets stays in training mode, as the winner's did."""
    import torch

    if name == "r101":
        from monai.networks.nets import resnet101

        net = resnet101(spatial_dims=3, n_input_channels=1, num_classes=1, **R101_IN_MONAI).eval()
    else:
        allow_torchvision()
        import torchvision

        net = getattr(torchvision.models.video, PEERS[name])(weights=None)
        net.fc = torch.nn.Linear(512, 1)

    def answer(clips: np.ndarray) -> object:
        with torch.inference_mode():
            return torch.sigmoid(net(torch.from_numpy(clips.transpose(0, 4, 1, 2, 3).copy()).float() / 255))

    return answer


def serve_forward(candidate: str, name: str) -> None:
    """A line is the forward pass of one clip."""
    recipe = RECIPES[name]
    clips = clips_of(recipe, 1)
    answer = peer(name, recipe) if candidate == "pytorch" else ours(recipe, candidate)
    answer(clips)
    serve({}, lambda: {"answer": float(np.asarray(answer(clips)).ravel()[0])})


def trained(repeats: int, *command: object) -> tuple[float, list[dict]]:
    """The loss before anything was learned, and the steps. Raises StagewiseError where it is not finite, or rises.

    command: of the script that serves them; its last word names the net.
    """
    with Served(*command) as served:
        steps = [served.work() for _ in range(repeats)]
    losses = [served.ready["loss"], *(step["loss"] for step in steps)]
    if not (np.isfinite(losses).all() and all(step["finite"] for step in steps) and losses[-1] < losses[0]):
        raise StagewiseError(f"{command[-1]} does not learn one batch: its losses are {losses}")
    return losses[0], steps


def answered(repeats: int, name: str, *command: object) -> dict[str, list[list[float]]]:
    """Seconds of forward passes on either engine, and of PyTorch's in turn with them.

    command: of the script that serves a candidate, to which the candidate and the net are added.
    """
    times: dict[str, list[list[float]]] = {}
    for engine in ("openvino", "keras"):
        with Served(*command, engine, name) as own, Served(*command, "pytorch", name) as other:
            pairs = [(own.work()["seconds"], other.work()["seconds"]) for _ in range(repeats)]
        times[engine] = [list(column) for column in zip(*pairs, strict=True)]
    return times


def row(name: str, repeats: int) -> tuple:
    """A line of the table."""
    first, steps = trained(repeats, __file__, "--serve", "training", name)
    times = answered(repeats, name, __file__, "--serve")
    return (
        name,
        RECIPES[name].batch_size,
        digits(median(step["seconds"] for step in steps)),
        digits(median(step["validation"] for step in steps)),
        f"{first:.3f}, {steps[-1]['loss']:.3f}",
        f"{steps[-1]['peak']:.1f}",
        *forward_cells(times),
    )


def forward_cells(times: dict[str, list[list[float]]]) -> list[str]:
    """Seconds of each engine, with how many times as long the peer takes, and the peer's. times: of `answered`."""
    own = (f"{digits(median(times[engine][0]))} ({ratio(*times[engine]):.2f})" for engine in times)
    return [*own, digits(median(times["openvino"][1]))]


def measured(row: Callable[..., tuple], names: Sequence[str], *settings: int) -> list[tuple]:
    """A line of the table for each net, shown as it comes."""
    rows = []
    for name in names:
        rows.append(row(name, *settings))
        print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure every net, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--nets", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NET")
    parser.add_argument("--repeats", type=cli.at_least(2), default=5)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        what, name = arguments.serve
        serve_training(RECIPES[name]) if what == "training" else serve_forward(what, name)
        return
    rows = measured(row, arguments.nets, arguments.repeats)
    write_section(
        "Nets of the other recipes",
        "bench/run.sh recipe_nets",
        f"At the recipe's size, clips of {FRAMES} frames; medians of {arguments.repeats}. Forward passes are of one "
        "clip, in turn with PyTorch's; in brackets how many times as long PyTorch takes. "
        f"{machine('keras', 'tensorflow', 'openvino', 'torch', 'torchvision', 'monai')}",
        (
            "net",
            "batch",
            "s a training step",
            "s to validate a batch",
            f"loss of one batch, first and after {arguments.repeats} steps",
            "peak GiB",
            "s forward, OpenVINO",
            "s forward, Keras",
            "s forward, PyTorch",
        ),
        rows,
        keep=True,
    )


if __name__ == "__main__":
    cli.run(main)
