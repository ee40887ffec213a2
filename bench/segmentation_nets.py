"""The U-Nets of the segmentation recipe at their full size: training on one batch, and a forward pass, beside a peer's.

    bench/run.sh segmentation_nets
    bench/run.sh segmentation_nets --side 256 --repeats 5

A net trains on one batch of two images by binary cross-entropy and Adam: the loss must be finite and fall. The peer is
segmentation-models-pytorch's U-Net on the same encoder, whose decoder is another one, so that seconds for each 10^9
multiplications of the convolutions stand beside the seconds. Forward passes are of one image, in float32 on the CPU.
Time: at 1024 pixels half an hour on 2 CPU cores, and 20 GB of memory; at 256 ten minutes.
"""

import argparse
import resource
from collections.abc import Callable
from statistics import median

import numpy as np
from measure import digits, machine, ratio, serve, write_section
from peers import allow_torchvision
from recipe_nets import answered, forward_cells, measured, trained

from stagewise.console import cli
from stagewise.nets.unet import AlbuNet, ResNetUNet, SCSEUNet, UNet

KINDS = {"albunet": AlbuNet, "resnet50": ResNetUNet, "seunet": SCSEUNet}
SCALINGS = {"albunet": "unit", "resnet50": "imagenet", "seunet": "unit"}
BATCH, LEARNING_RATE = 2, 1e-4  # winner's values


def net_of(name: str, side: int) -> UNet:
    """The net with the winner's numbers, for images of that side."""
    return KINDS[name]((side, side), SCALINGS[name])


def batch_of(side: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, side, side, 1) uint8 noise, brighter in a disc, and the disc, float32."""
    rows, columns = np.ogrid[:side, :side]
    disc = ((rows - side / 2) ** 2 + (columns - side / 3) ** 2 < (side / 5) ** 2)[..., None]
    noise = np.random.default_rng(0).integers(0, 128, (count, side, side, 1), np.uint8)
    return noise + np.uint8(100) * disc, np.broadcast_to(disc, noise.shape).astype(np.float32)


def ours_step(name: str, side: int) -> Callable[[], float]:
    """A step of our net; returns a function that does it and returns its loss."""
    from stagewise.machine import device

    device.prepare()
    import keras

    model = net_of(name, side).build()
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss, jit_compile=device.jit_compile())
    images, masks = batch_of(side, BATCH)
    return lambda: float(model.train_on_batch(images, masks))


def peer(name: str):
    """segmentation-models-pytorch's U-Net on the same encoder, with random weights."""
    allow_torchvision()
    import segmentation_models_pytorch

    attention = {"decoder_attention_type": "scse"} if name == "seunet" else {}
    return segmentation_models_pytorch.Unet(KINDS[name].family, encoder_weights=None, **attention)


def peer_step(name: str, side: int) -> Callable[[], float]:
    """The same of the peer."""
    import torch

    net = peer(name).train()
    optimizer, lose = torch.optim.Adam(net.parameters(), LEARNING_RATE), torch.nn.BCEWithLogitsLoss()
    images, masks = map(_for_torch, batch_of(side, BATCH))

    def step() -> float:
        optimizer.zero_grad()
        loss = lose(net(_three(images)), masks)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def serve_training(candidate: str, name: str, side: int) -> None:
    """A line is a step; the first one, which compiles, is taken before."""
    step = (ours_step if candidate == "training" else peer_step)(name, side)
    counted = net_of(name, side).sizes().multiply_adds if candidate == "training" else peer_multiply_adds(name, side)
    first = step()

    def rest() -> dict[str, float]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return {"finite": True, "peak": peak, "multiply_adds": counted}

    serve({"loss": first}, lambda: {"loss": step()}, rest)


def serve_forward(candidate: str, name: str, side: int) -> None:
    """A line is the forward pass of one image."""
    images, _ = batch_of(side, 1)
    answer = peer_answer(name) if candidate == "pytorch" else ours_answer(candidate, name, side)
    serve({"mean": float(answer(images).mean())}, lambda: {"mean": float(answer(images).mean())})


def ours_answer(engine: str, name: str, side: int) -> Callable[[np.ndarray], np.ndarray]:
    """The net as it answers, on an engine."""
    from stagewise.machine import device

    device.prepare(engine=engine)
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse

    answer = predictor(fuse(net_of(name, side).build(data_format=device.fastest_data_format())), "f32")
    return lambda images: np.asarray(answer(images))


def peer_answer(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The peer, in evaluation mode."""
    import torch

    net = peer(name).eval()

    def answer(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(_three(_for_torch(images))).numpy()

    return answer


def peer_multiply_adds(name: str, side: int) -> int:
    """Of the peer's convolutions, for one forward pass."""
    import torch

    counts: list[int] = []
    net = peer(name).eval()
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda layer, given, made: counts.append(layer.weight[0].numel() * made[0].numel())
            )
    with torch.inference_mode():
        net(_three(_for_torch(batch_of(side, 1)[0])))
    return sum(counts)


def _for_torch(images: np.ndarray):
    import torch

    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def _three(images):
    return (images.float() / 255).repeat(1, 3, 1, 1)


def row(name: str, side: int, repeats: int) -> tuple:
    """A line of the table."""
    command = (__file__, "--side", side, "--serve")
    first, steps = trained(repeats, *command, "training", name)
    _, peers = trained(repeats, *command, "peer", name)
    own, other = ([step["seconds"] for step in taken] for taken in (steps, peers))
    times = answered(repeats, name, *command)
    return (
        f"{name} at {side}",
        ", ".join(digits(taken[-1]["multiply_adds"] / 1e9) for taken in (steps, peers)),
        f"{digits(median(own))} ({ratio(own, other):.2f})",
        digits(median(other)),
        f"{first:.3f}, {steps[-1]['loss']:.3f}",
        f"{steps[-1]['peak']:.1f}, {peers[-1]['peak']:.1f}",
        *forward_cells(times),
    )


def main() -> None:
    """Measure every net, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--nets", nargs="+", choices=KINDS, default=list(KINDS), metavar="NET")
    parser.add_argument("--side", type=cli.at_least(64), default=1024)
    parser.add_argument("--repeats", type=cli.at_least(2), default=3)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one = serve_training if arguments.serve[0] in ("training", "peer") else serve_forward
        serve_one(*arguments.serve, arguments.side)
        return
    rows = measured(row, arguments.nets, arguments.side, arguments.repeats)
    write_section(
        "Nets of the segmentation recipe",
        "bench/run.sh segmentation_nets",
        f"Batches of {BATCH}; medians of {arguments.repeats}. Training steps one net after the other, forward passes "
        "of one image in turn with segmentation-models-pytorch's; in brackets how many times as long that takes. "
        f"{machine('keras', 'tensorflow', 'openvino', 'torch', 'segmentation-models-pytorch')}",
        (
            "net",
            "10^9 multiplications forward, the peer's",
            "s a training step",
            "s a step of the peer",
            f"loss of one batch, first and after {arguments.repeats} steps",
            "peak GiB, the peer's",
            "s forward, OpenVINO",
            "s forward, Keras",
            "s forward of the peer",
        ),
        rows,
        keep=True,
    )


if __name__ == "__main__":
    cli.run(main)
