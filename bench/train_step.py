"""One training step of DenseNet121-3D at the recipe's size, against PyTorch peers of the same net.

    bench/run.sh train_step
    bench/run.sh train_step --candidates tensorflow:float32 monai:float32 --repeats 5
    python bench/train_step.py                on a machine that has its packages already, with or without TensorFlow

Candidates are NAME:PRECISION. tensorflow, jax and torch are this project's own step on that backend of Keras; monai is
MONAI's DenseNet121 and timm timm-3d's, both in PyTorch with its Adam. Precisions are float32 and bfloat16 (mixed). Each
runs in a process of its own, compiled by its first step; then each in turn beside the first one, ours. Rows of other
candidates, from earlier calls, stay in the table.
Time: 15 minutes on 2 CPU cores for float32 of the three backends; 20 GB of memory.
"""

import argparse
import importlib.util
import os
import resource
import sys
from collections.abc import Callable
from statistics import median

import numpy as np
from measure import Served, digits, gpus, machine, ratio, serve, write_section
from peers import PEERS, Peer, on_host, peer_step, uploaded

from stagewise.console import cli
from stagewise.messages.errors import StagewiseError
from stagewise.recipes.d121 import D121
from stagewise.recipes.recipe import changed

KERAS = ("tensorflow", "jax", "torch")
NEEDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "monai": "monai", "timm": "timm_3d"}
BF16_PEAK = {"H100 80GB HBM3": 989e12, "H200": 989e12, "A100": 312e12}  # FLOP/s, dense, NVIDIA's data sheets


def forward_flops() -> float:
    """FLOP of one clip's forward pass: two for each multiply-add of the convolutions."""
    import keras

    from stagewise.nets.densenet3d import densenet3d

    convolutions = (layer for layer in densenet3d(D121.net).layers if isinstance(layer, keras.layers.Conv3D))
    return float(sum(2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:4]) for layer in convolutions))


def keras_step(backend: str, precision: str, clips: np.ndarray, stalled: np.ndarray) -> Callable[[], float]:
    """The project's own step: upload, forward, backward, Adam."""
    os.environ["KERAS_BACKEND"] = backend
    from stagewise.machine import device

    device.prepare()
    import keras

    from stagewise.machine.steps import training_steps
    from stagewise.training.train import compiled

    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    keras.config.set_dtype_policy(policy)  # on a CPU, too, where the recipe would not
    steps = training_steps(compiled(changed(D121, accumulation_steps=1, gpu_precision=policy)))
    train_on = steps.__enter__()  # until the process ends
    return lambda steps=steps: float(train_on(clips, stalled, None))


def peers_step(name: str, precision: str, clips: np.ndarray, stalled: np.ndarray) -> Callable[[], float]:
    """A peer's step as its user writes it: eager, with an upload, and the loss waited for."""
    import torch

    step, host = peer_step(Peer(name), precision), on_host(clips)
    labels = uploaded(torch.from_numpy(stalled))
    return lambda: step(uploaded(host), labels).item()


def peak_gibibytes(name: str) -> float:
    """The candidate's most memory so far: of the GPU where it uses one, else of the process."""
    if name == "tensorflow":
        tensorflow = sys.modules["tensorflow"]
        if tensorflow.config.list_physical_devices("GPU"):
            return tensorflow.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30
    elif name == "jax":
        if stats := sys.modules["jax"].devices()[0].memory_stats():  # None on a CPU
            return stats["peak_bytes_in_use"] / 2**30
    elif sys.modules["torch"].cuda.is_available():
        return sys.modules["torch"].cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def device_of(name: str) -> str:
    """What the candidate computes on."""
    if name in KERAS:
        from stagewise.machine import device

        return next(iter(device.gpus()), "CPU")
    cuda = sys.modules["torch"].cuda
    return cuda.get_device_name() if cuda.is_available() else "CPU"


def serve_steps(candidate: str, batch: int) -> None:
    """Compile by two steps, then time one step after the other."""
    name, precision = candidate.split(":")
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 256, (batch, *D121.net.input_shape, 3), np.uint8)
    stalled = generator.integers(0, 2, (batch, 1)).astype(np.float32)
    step = (keras_step if name in KERAS else peers_step)(name, precision, clips, stalled)
    losses = [step(), step()]
    flops = forward_flops() if name in KERAS else None
    ready = {"losses": losses, "flops": flops, "device": device_of(name)}
    serve(ready, lambda: {"loss": step()}, lambda: {"peak": peak_gibibytes(name)})


def steps_in_turn(ours: str, other: str, batch: int, repeats: int) -> tuple[list[dict], list[dict], float]:
    """Steps of both in turn. Returns: the steps of each, and the FLOP of a forward pass.

    Raises StagewiseError where one ends, or both are not on the same device.
    """
    command = (__file__, "--batch", batch, "--serve")
    with Served(*command, ours) as first, Served(*command, other) as second:
        devices = [served.ready["device"] for served in (first, second)]
        if devices[0] != devices[1]:
            raise StagewiseError(f"{ours} runs on {devices[0]}, and {other} on {devices[1]}")
        pairs = [(first.work(), second.work()) for _ in range(repeats)]
        return [a for a, _ in pairs], [b for _, b in pairs], first.ready["flops"]


def row(name: str, steps: list[dict], beside: list[dict], flops: float, batch: int) -> tuple:
    """A line of the table."""
    seconds = [step["seconds"] for step in steps]
    rate = 3 * flops * batch / median(seconds)  # the backward pass costs two forward passes
    peak = next((peak for part, peak in BF16_PEAK.items() if any(part in gpu for gpu in gpus())), None)
    share = f", {rate / peak:.1%} of the GPU's peak" if peak and name.endswith("bfloat16") else ""
    return (
        name.replace(":", ", "),
        digits(median(seconds)),
        f"{ratio([step['seconds'] for step in beside], seconds):.2f}",
        f"{steps[-1]['peak']:.1f}",
        f"{rate / 1e12:.2f} TFLOP/s{share}",
    )


def main() -> None:
    """Measure every candidate beside the first, and write the table."""
    parser = cli.parser(__doc__)
    installed = [name for name in (*KERAS, *PEERS) if importlib.util.find_spec(NEEDS[name])]
    known = [f"{name}:{precision}" for name in installed for precision in ("float32", "bfloat16")]
    parser.add_argument("--candidates", nargs="+", choices=known, default=known, metavar="NAME:PRECISION")
    parser.add_argument("--batch", type=cli.at_least(1), default=D121.batch_size)
    parser.add_argument("--repeats", type=cli.at_least(1), default=5)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_steps(arguments.serve, arguments.batch)
        return
    ours, *others = arguments.candidates
    if not others or ours.split(":")[0] not in KERAS:
        parser.error("give one of ours and others beside it, such as: --candidates tensorflow:float32 monai:float32")
    rows, of_ours = [], []
    for other in others:
        try:
            first, second, flops = steps_in_turn(ours, other, arguments.batch, arguments.repeats)
        except StagewiseError as error:  # Keras on PyTorch, for one, has no bfloat16 pooling on a CPU
            print(f"{other} is left out: {error}", file=sys.stderr)
            rows.append((other.replace(":", ", "), "", "", "", "does not run"))
            continue
        of_ours += first
        rows.append(row(other, second, first, flops, arguments.batch))
        print(*rows[-1], sep="  ", flush=True)
    if not of_ours:
        sys.exit("error: no candidate ran beside the first; what stopped them stands above")
    write_section(
        "Training step",
        "bench/run.sh train_step",
        f"DenseNet121-3D at {D121.net.input_shape}, batch {arguments.batch}; medians of {arguments.repeats} steps in "
        "turn beside the first row's; the ratio is to those of the same call. "
        f"{machine('keras', 'tensorflow', 'jax', 'torch', 'monai', 'timm-3d')}",
        ("candidate", "s a step", "times the first row's", "peak GiB", "forward and backward"),
        [row(ours, of_ours, of_ours, flops, arguments.batch), *rows],
        keep=True,  # a call for each few candidates is easier to find a quiet hour for
    )


if __name__ == "__main__":
    cli.run(main)
