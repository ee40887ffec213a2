"""What a GPU can do at best: a matrix product, a copy, uploads, and a 3D convolution in both layouts, by PyTorch."""

import time
from collections.abc import Callable, Iterator

import numpy as np

Ceiling = tuple[str, float, str]  # its name, how much, of what


def ceilings(tiny: bool) -> Iterator[Ceiling]:
    """Each as it is measured. tiny: small sizes, for a trial."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    yield _product(device, 256 if tiny else 8192)
    yield _copy(device, 2**20 if tiny else 2**32)
    yield from _uploads(device)
    yield from _convolutions(device, 2 if tiny else 24)


def _seconds(work: Callable[[], object], times: int = 10) -> float:
    """Seconds a call, of several in a row."""
    import torch

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    for _ in range(3):
        work()
    wait()
    start = time.perf_counter()
    for _ in range(times):
        work()
    wait()
    return (time.perf_counter() - start) / times


def _product(device: str, side: int) -> Ceiling:
    import torch

    first, second = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    flops = 2 * side**3
    return f"bfloat16 product of {side}x{side}", flops / _seconds(lambda: first @ second) / 1e12, "TFLOP/s"


def _copy(device: str, size: int) -> Ceiling:
    import torch

    source, target = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    return "copy on the device, read and written", 2 * size / _seconds(lambda: target.copy_(source)) / 1e12, "TB/s"


def _uploads(device: str) -> Iterator[Ceiling]:
    """A batch of the recipe's, from memory as NumPy has it, and from pinned memory."""
    import torch

    batch = torch.from_numpy(np.zeros((6, 96, 128, 128, 3), np.uint8))
    yield "upload, pageable", batch.numel() / _seconds(lambda: batch.to(device, copy=True)) / 1e9, "GB/s"
    if device == "cuda":
        pinned = batch.pin_memory()
        yield "upload, pinned", batch.numel() / _seconds(lambda: pinned.to(device, non_blocking=True)) / 1e9, "GB/s"


def _convolutions(device: str, frames: int) -> Iterator[Ceiling]:
    """A 3x3x3 convolution of the net's first dense block, batch 6, with channels first and last."""
    import torch

    clips = torch.randn(6, 128, frames, 32, 32, device=device, dtype=torch.bfloat16)
    kernel = torch.randn(32, 128, 3, 3, 3, device=device, dtype=torch.bfloat16)
    flops = 2 * clips.numel() * kernel[:, 0].numel()
    for layout, memory in (("NCDHW", torch.contiguous_format), ("NDHWC", torch.channels_last_3d)):
        x, w = (tensor.contiguous(memory_format=memory) for tensor in (clips, kernel))
        seconds = _seconds(lambda x=x, w=w: torch.nn.functional.conv3d(x, w, padding=1))
        yield f"convolution 3x3x3, 128 to 32 channels, {layout}", flops / seconds / 1e12, "TFLOP/s"
