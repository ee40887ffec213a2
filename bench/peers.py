"""The same net in PyTorch, as users of MONAI or timm-3d would write its training step and its answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagewise.recipes.d121 import D121

if TYPE_CHECKING:
    import torch

PEERS = ("monai", "timm")
TINY = {"init_features": 4, "growth_rate": 4, "block_config": (1, 1, 1, 1)}  # of MONAI's, for a trial


@dataclass(frozen=True)
class Peer:
    """A net of a library, and how it is run.

    library: of `PEERS`; compiled: by torch.compile; channels_last: in memory, as cuDNN's tensor cores like them;
    tiny: MONAI's net with few channels, for a trial.
    """

    library: str
    compiled: bool = False
    channels_last: bool = False
    tiny: bool = False

    def net(self) -> "torch.nn.Module":
        """The net with random weights, on the device."""
        made = (_monai(self.tiny) if self.library == "monai" else _timm()).to(_device())
        return made.to(memory_format=self._memory_format())

    def forward(self, net: "torch.nn.Module") -> Callable[["torch.Tensor"], "torch.Tensor"]:
        """The net's forward pass. A trial does without the compiler's kernels, which take it minutes on a CPU."""
        import torch

        return torch.compile(net, backend="aot_eager" if self.tiny else "inductor") if self.compiled else net

    def floats(self, uint8: "torch.Tensor") -> "torch.Tensor":
        """What the net sees of clips on the device, (B, 3, T, H, W)."""
        return (uint8.float() / 255).contiguous(memory_format=self._memory_format())

    def _memory_format(self) -> "torch.memory_format":
        import torch

        return torch.channels_last_3d if self.channels_last else torch.contiguous_format


def peer_step(peer: Peer, precision: str) -> Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]:
    """A training step of a peer, from clips and labels on the device: forward, backward, Adam.

    precision: float32 or bfloat16 (mixed). Returns: a function of clips (B, 3, T, H, W) uint8 and labels (B, 1) float32
    that does the step and returns its loss, which it does not wait for.
    """
    import torch

    net = peer.net()
    forward, lose = peer.forward(net), torch.nn.BCEWithLogitsLoss()
    fused = _device() == "cuda"  # one kernel for all weights
    optimizer = torch.optim.Adam(net.parameters(), lr=D121.optimizer.learning_rate, fused=fused)

    def step(clips: "torch.Tensor", stalled: "torch.Tensor") -> "torch.Tensor":
        optimizer.zero_grad()
        with torch.autocast(_device(), torch.bfloat16, enabled=precision == "bfloat16"):
            logits = forward(peer.floats(clips))
        loss = lose(logits.float(), stalled)
        loss.backward()
        optimizer.step()
        return loss

    return step


def peer_answer(peer: Peer, precision: str) -> Callable[["torch.Tensor"], "torch.Tensor"]:
    """The same for its answers: from clips (B, 3, T, H, W) uint8 on the device to logits."""
    import torch

    forward = peer.forward(peer.net().eval())

    def answer(clips: "torch.Tensor") -> "torch.Tensor":
        with torch.inference_mode(), torch.autocast(_device(), torch.bfloat16, enabled=precision == "bfloat16"):
            return forward(peer.floats(clips))

    return answer


def on_host(clips: np.ndarray) -> "torch.Tensor":
    """Clips (B, T, H, W, 3) as a peer's, (B, 3, T, H, W)."""
    import torch

    return torch.from_numpy(clips.transpose(0, 4, 1, 2, 3).copy())


def uploaded(tensor: "torch.Tensor") -> "torch.Tensor":
    """The tensor on the device."""
    return tensor.to(_device())


def allow_torchvision() -> None:
    """Let torchvision load, whose wheel registers these operators only beside PyTorch's CUDA build."""
    import torch

    if torch.version.cuda or hasattr(torch.ops.torchvision, "nms"):
        return
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _monai(tiny: bool) -> "torch.nn.Module":
    from monai.networks.nets import DenseNet121

    return DenseNet121(spatial_dims=3, in_channels=3, out_channels=1, **TINY if tiny else {})


def _timm() -> "torch.nn.Module":
    allow_torchvision()  # which timm-3d imports
    import timm_3d

    return timm_3d.create_model("densenet121", pretrained=False, in_chans=3, num_classes=1)
