"""What `bench/gpu.py` times: our training step and ensemble by backend, and a peer's by library, a process each."""

import gc
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from peers import Peer, on_host, peer_answer, peer_step, uploaded
from train_step import NEEDS, peak_gibibytes

from stagewise.machine.backends import FUSED_PRODUCTS_FLAG, NDHWC_FLAG, with_flag
from stagewise.recipes.d121 import D121
from stagewise.recipes.recipe import Recipe, changed

TRAIN, ANSWER = "train", "answer"
FOLDS = 5
SMALL_BATCH, LARGE_BATCH = D121.batch_size, 24
# Of products that take what stands before them, 32 channels at a time as a dense block grows: tiles that XLA finds by
# itself, where no GPU tries them out, do not fit six clips' blocks
TILES_FLAG = (
    "--xla_gpu_override_gemm_autotuner=block_m:128,block_n:128,block_k:32,split_k:1,num_stages:3,num_warps:8,num_ctas:1"
)
XLA_FLAGS = {"ndhwc": NDHWC_FLAG, "products": FUSED_PRODUCTS_FLAG, "tiles": TILES_FLAG}
IMAGES = 48  # at once, as the ensemble's batch of 6 clips in 8 flips


@dataclass(frozen=True)
class Timed:
    """A work at one batch: a step as users run it, and n steps on the device alone; each waits at its end.

    passes: clips trained on, or forward passes of one net, in a step.
    """

    step: Callable[[], float]
    alone: Callable[[int], None]
    passes: int


@dataclass(frozen=True)
class Candidate:
    """work: `TRAIN` or `ANSWER`; of: a backend of Keras, or a peer's library; the others as for `Peer`.

    ndhwc, products, tiles: whether XLA is told to keep channels last, to fuse what stands before 1x1x1 convolutions,
    and in which tiles to compute these instead of trying some out (`XLA_FLAGS`).
    """

    work: str
    of: str
    batches: tuple[int, ...]
    ndhwc: bool = False
    products: bool = False
    tiles: bool = False
    compiled: bool = False
    channels_last: bool = False

    @property
    def name(self) -> str:
        """How rows name it, such as `train:monai:compiled:6`, and `--only` on a command line."""
        peers = {"compiled": self.compiled, "channels_last_3d": self.channels_last}
        chosen = (way for way, is_so in peers.items() if is_so)
        return ":".join((self.work, self.of, *self._flagged, *chosen, "+".join(map(str, self.batches))))

    @property
    def _flagged(self) -> list[str]:
        return [way for way in XLA_FLAGS if getattr(self, way)]

    @property
    def is_ours(self) -> bool:
        """Whether it is this project's, on a backend of Keras."""
        return self.of in ("jax", "tensorflow", "torch")

    @property
    def is_eager(self) -> bool:
        """Whether there is nothing to compile: it warms up when it is timed, and holds no activations until then."""
        return self.of == "torch" or not (self.is_ours or self.compiled)

    @property
    def missing(self) -> str | None:
        """The package that it needs and that is not installed."""
        needed = dict.fromkeys((NEEDS[self.of], *(() if self.is_ours else ("torch",))))
        return next((package for package in needed if importlib.util.find_spec(package) is None), None)

    def environment(self, before: str) -> dict[str, str]:
        """Variables of its process; before: the user's own XLA_FLAGS."""
        flags = reduce(with_flag, map(XLA_FLAGS.get, self._flagged), before)
        return {
            **({"XLA_FLAGS": flags} if flags else {}),
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # all candidates share the GPU
            "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
            "TORCHINDUCTOR_COMPILE_THREADS": "4",
        }


CANDIDATES = {  # in the order of their worth, as far as the time goes
    candidate.name: candidate
    for candidate in (
        *(Candidate(TRAIN, "jax", (SMALL_BATCH,), ndhwc=ndhwc) for ndhwc in (True, False)),
        Candidate(TRAIN, "monai", (SMALL_BATCH,), compiled=True, channels_last=True),
        *(Candidate(ANSWER, "jax", (SMALL_BATCH,), ndhwc=ndhwc) for ndhwc in (True, False)),
        *(Candidate(ANSWER, "jax", (SMALL_BATCH,), ndhwc=True, products=True, tiles=tiles) for tiles in (True, False)),
        Candidate(TRAIN, "jax", (LARGE_BATCH,), ndhwc=True),
        Candidate(TRAIN, "monai", (LARGE_BATCH,), compiled=True, channels_last=True),
        Candidate(TRAIN, "timm", (SMALL_BATCH,), compiled=True, channels_last=True),
        Candidate(ANSWER, "monai", (IMAGES,), compiled=True, channels_last=True),
        Candidate(TRAIN, "monai", (SMALL_BATCH,), compiled=True),
        Candidate(TRAIN, "jax", (LARGE_BATCH,)),
        Candidate(TRAIN, "monai", (SMALL_BATCH, LARGE_BATCH)),
        Candidate(TRAIN, "torch", (SMALL_BATCH, LARGE_BATCH)),
        Candidate(TRAIN, "monai", (SMALL_BATCH, LARGE_BATCH), channels_last=True),
        Candidate(ANSWER, "torch", (SMALL_BATCH,)),
        Candidate(TRAIN, "timm", (SMALL_BATCH, LARGE_BATCH)),
        Candidate(TRAIN, "tensorflow", (SMALL_BATCH, LARGE_BATCH)),
        Candidate(ANSWER, "tensorflow", (SMALL_BATCH,)),
    )
}


def recipe(tiny: bool) -> Recipe:
    """The recipe that is timed: a step an update; for a trial a very small net."""
    one = changed(D121, accumulation_steps=1)
    small = dict(input_shape=(32, 32, 32), blocks=(1, 1, 1, 1), growth_rate=4, stem_filters=4, head_units=8)
    return replace(one, net=replace(one.net, **small)) if tiny else one


def clips_of(made_of: Recipe, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Clips (B, T, H, W, 3) uint8 and labels (B, 1) float32, drawn by the batch's size."""
    generator = np.random.default_rng(batch)
    clips = generator.integers(0, 256, (batch, *made_of.net.input_shape, 3), np.uint8)
    return clips, generator.integers(0, 2, (batch, 1)).astype(np.float32)


def timed(candidate: Candidate, batch: int, tiny: bool) -> Timed:
    """The candidate's work at a batch, its net built."""
    if not candidate.is_ours:
        return _of_peer(candidate, batch, tiny)
    from gpu_ours import answering, training

    return (training if candidate.work == TRAIN else answering)(candidate.of, *clips_of(recipe(tiny), batch), tiny)


def _of_peer(candidate: Candidate, batch: int, tiny: bool) -> Timed:
    import torch

    peer = Peer(candidate.of, candidate.compiled, candidate.channels_last, tiny)
    clips, stalled = clips_of(recipe(tiny), batch)
    host, labels = on_host(clips), uploaded(torch.from_numpy(stalled))
    precision = "bfloat16" if torch.cuda.is_available() else "float32"
    answers = candidate.work == ANSWER
    call = peer_answer(peer, precision) if answers else peer_step(peer, precision)
    more = () if answers else (labels,)
    resident = uploaded(host)

    def alone(count: int) -> None:
        for _ in range(count):
            last = call(resident, *more)
        float(last.float().mean())  # waits for all

    return Timed(lambda: float(call(uploaded(host), *more).float().mean()), alone, batch)


def peak_of(candidate: Candidate) -> float:
    """The most memory of the device so far, GiB; of the process where it computes on the CPU."""
    return peak_gibibytes(candidate.of)


def release() -> None:
    """Give back what PyTorch keeps for later: the next peak is its own, and the GPU has room for others."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
