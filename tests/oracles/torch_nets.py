"""Records what MONAI's ResNet101 and torchvision's video ResNets answer, for `tests/test_residual_nets.py`.

pip install -r tests/oracles/requirements-torch.txt
python tests/oracles/torch_nets.py            writes tests/oracles/{r101,r3d,mc3,r2plus1d}.npz

Weights are no part of a file: each tensor comes from its own name (`filled`), on both sides alike. A file holds the
names and shapes of the peer's state dict; for each of its SHAPES the means over the map behind the last stage and the
log odds, computed in float64; and how many parameters are trained.
"""

import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
SHAPES = {"r101": ((2, 9, 44, 36), (1, 4, 44, 36)), "video": ((2, 7, 28, 36),)}  # (B, T, H, W)
CHANNELS = {"r101": 1, "video": 3}


def filled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The tensor of that name: as after some training, so that no norm, no bias and no statistic does nothing."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var"):
        return generator.uniform(0.5, 2, shape).astype(np.float32)
    if len(shape) == 1:
        return generator.uniform(0.5, 1.5, shape).astype(np.float32) - np.float32(not name.endswith("weight"))
    scale = np.float32(1 / np.sqrt(np.prod(shape[1:])))
    return generator.standard_normal(shape, np.float32) * scale


def clips(shape: tuple[int, ...], channels: int) -> np.ndarray:
    """(B, T, H, W, channels) uint8 of noise, the first clip the darkest."""
    generator = np.random.default_rng(5)
    tops = np.linspace(60, 256, shape[0])
    return np.stack([generator.integers(0, top, (*shape[1:], channels), np.uint8) for top in tops])


def _peers():
    import torch
    from monai.networks.nets import resnet101

    for operator in ("nms", "qnms"):  # which torchvision's wheel registers beside another build of PyTorch alone
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    from torchvision.models import video

    yield (
        "r101",
        resnet101(
            spatial_dims=3,
            n_input_channels=1,
            num_classes=1,
            conv1_t_size=7,
            conv1_t_stride=(1, 2, 2),
            shortcut_type="B",
            bias_downsample=False,
        ).eval(),
    )
    for name in ("r3d", "mc3", "r2plus1d"):
        net = getattr(video, f"{name}_18")(weights=None)
        net.fc = torch.nn.Linear(512, 1)
        yield name, net.train()  # as the winner ran it, at inference too


def _ready(batch: np.ndarray) -> np.ndarray:
    """The winners' preprocessing, written out again; (B, channels, T, H, W)."""
    scaled = batch / 255
    if batch.shape[-1] == 3:
        scaled = (scaled - np.array([0.43216, 0.394666, 0.37645])) / np.array([0.22803, 0.22145, 0.216989])
    return np.moveaxis(scaled, -1, 1)


def record(name: str, net) -> None:
    """Fill a peer, run it, one clip at a time, and write its file."""
    import torch

    state = net.state_dict()
    net.load_state_dict({key: torch.from_numpy(filled(key, tuple(value.shape))) for key, value in state.items()})
    net.double()
    kind = name if name in SHAPES else "video"
    features = []
    net.avgpool.register_forward_hook(lambda module, inputs, output: features.append(output.detach().flatten().numpy()))
    answers = {}
    for number, shape in enumerate(SHAPES[kind]):
        batch = torch.from_numpy(_ready(clips(shape, CHANNELS[kind])))
        with torch.no_grad():
            logits = np.concatenate([net(clip[None]).numpy() for clip in batch])
        answers |= {f"logits_{number}": logits, f"features_{number}": np.stack(features).astype(np.float32)}
        features.clear()
    np.savez_compressed(
        FOLDER / f"{name}.npz",
        names=np.array(list(state)),
        shapes=np.array([",".join(map(str, value.shape)) for value in state.values()]),
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        **answers,
    )
    print(name, {key: value.ravel()[:3] for key, value in answers.items()})


if __name__ == "__main__":
    for peer in _peers():
        record(*peer)
