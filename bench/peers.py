"""The training step of the same net in PyTorch, as a user of MONAI or timm-3d would write it."""

from collections.abc import Callable

import numpy as np

from stagewise.recipes.d121 import D121

PEERS = ("monai", "timm")


def peer_step(name: str, precision: str, clips: np.ndarray, stalled: np.ndarray) -> Callable[[], float]:
    """A step of a peer: upload, forward, backward, Adam.

    name: of `PEERS`; precision: float32 or bfloat16 (mixed); clips: (B, T, H, W, 3) uint8; stalled: (B, 1) float32.
    Returns: a function that does the step and returns its loss.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = (_monai() if name == "monai" else _timm()).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=D121.optimizer.learning_rate)
    lose = torch.nn.BCEWithLogitsLoss()
    host, labels = torch.from_numpy(clips.transpose(0, 4, 1, 2, 3).copy()), torch.from_numpy(stalled).to(device)

    def step() -> float:
        optimizer.zero_grad()
        batch = host.to(device).float() / 255
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = net(batch)
        loss = lose(logits.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def allow_torchvision() -> None:
    """Let torchvision load, whose wheel registers these operators only beside PyTorch's CUDA build."""
    import torch

    if torch.version.cuda or hasattr(torch.ops.torchvision, "nms"):
        return
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _monai():
    from monai.networks.nets import DenseNet121

    return DenseNet121(spatial_dims=3, in_channels=3, out_channels=1)


def _timm():
    allow_torchvision()  # which timm-3d imports
    import timm_3d

    return timm_3d.create_model("densenet121", pretrained=False, in_chans=3, num_classes=1)
