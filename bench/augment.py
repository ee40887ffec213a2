"""Augmentation against PyPI volumentations-3D 1.0.4: every transform of stage 3's chain, and the chain, on one core.

    bench/run.sh augment

Clips: uint8 noise in the sizes of the phantom's crops, which follow the real ones'. A transform after the resize gets
the net's input. The library's transforms get float32, into which its Compose turns everything, and their results are
made contiguous, as its Compose does; its RandomGamma, which fails on Python 3.11, is called in its functional form. In
the chain, both sides apply the same transforms to the same clip: chance is drawn once, by stage 3's probabilities.
Time: 4 minutes.
"""

import os
import random
import statistics
import warnings
from collections.abc import Callable
from dataclasses import replace

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads

import cv2
import numpy as np
from measure import in_turn, machine, ratio, write_section

from stagewise.augment import Resize, Transform, augment
from stagewise.console import cli
from stagewise.phantom import anatomy, clip
from stagewise.recipes.d121 import AUGMENTATION_DROPPED_PLANES, INPUT_SHAPE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports SciPy's old module names
    import volumentations
    from volumentations.augmentations import functional

PEERS = {
    "Rotate": volumentations.Rotate((-10, 10), (0, 0), (0, 0), interpolation=3),
    "ElasticTransform": volumentations.ElasticTransform((0, 0.25), interpolation=2),
    "RandomCropFromBorders": volumentations.RandomCropFromBorders(0.15),
    "DropPlanes": volumentations.RandomDropPlane(0.1, axes=(0, 1, 2)),
    "Resize": volumentations.Resize((*INPUT_SHAPE, 3), interpolation=1, resize_type=0),
    "Flip 0": volumentations.Flip(0),
    "Flip 1": volumentations.Flip(1),
    "Flip 2": volumentations.Flip(2),
    "RotateQuarters": volumentations.RandomRotate90(axes=(1, 2)),
    "GaussianNoise": volumentations.GaussianNoise(var_limit=(0, 25)),
}


def name_of(transform: Transform) -> str:
    """The transform's name, as in `PEERS`."""
    axis = getattr(transform, "axis", None)
    return type(transform).__name__ + ("" if axis is None else f" {axis}")


def peer_apply(name: str, volume: np.ndarray) -> np.ndarray:
    """One transform of the library on a float32 volume."""
    if name == "RandomGamma":
        lowest, highest = volume.min(), volume.max()
        gamma = random.uniform(0.5, 1.5)
        return functional.gamma_transform((volume - lowest) / (highest - lowest), gamma) * 255
    return np.ascontiguousarray(PEERS[name](True, [["image"], ["mask"]], image=volume)["image"])


def peer_chain(names: list[str], volume: np.ndarray) -> np.ndarray:
    """The named transforms of the library one after the other, from a uint8 volume."""
    volume = volume.astype(np.float32)
    for name in names:
        volume = peer_apply(name, volume)
    return volume


def real_sizes(count: int) -> list[tuple[int, int, int, int]]:
    """Shapes (T, H, W, 3) of the crops of the phantom's first clips."""
    shapes = []
    for index in range(count):
        plan = clip.plan_clip(clip.Settings(seed=0), index, stalled=False)
        width, height = np.ceil(np.ptp(plan.outline, axis=0) + anatomy.OUTLINE_WIDTH).astype(int).tolist()
        shapes.append((plan.facts.frames, height, width, 3))
    return shapes


def steps_of(transform: Transform, volumes: list[np.ndarray]) -> tuple[Callable, Callable]:
    """One transform on all volumes, by us and by the library."""
    floats = [volume.astype(np.float32) for volume in volumes]
    always = transform if isinstance(transform, Resize) else replace(transform, p=1)

    def ours() -> None:
        rng = np.random.default_rng(0)
        for volume in volumes:
            augment(volume, [always], rng)

    def theirs() -> None:
        random.seed(0)
        for volume in floats:
            peer_apply(name_of(transform), volume)

    return ours, theirs


def chains(volumes: list[np.ndarray]) -> tuple[Callable, Callable]:
    """Stage 3's chain on all volumes, by us and by the library, the same transforms for the same volume."""
    rng = np.random.default_rng(0)
    chosen = [[step for step in AUGMENTATION_DROPPED_PLANES if rng.random() < step.p] for _ in volumes]
    always = [[step if isinstance(step, Resize) else replace(step, p=1) for step in steps] for steps in chosen]

    def ours() -> None:
        rng = np.random.default_rng(1)
        for volume, steps in zip(volumes, always, strict=True):
            augment(volume, steps, rng)

    def theirs() -> None:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        for volume, steps in zip(volumes, chosen, strict=True):
            peer_chain([name_of(step) for step in steps], volume)

    return ours, theirs


def row(what: str, share: str, pair: tuple[Callable, Callable], count: int, repeats: int) -> tuple[str, ...]:
    """Time a pair of candidates. Returns: the cells, times in ms a clip."""
    ours, theirs = in_turn({"ours": pair[0], "peer": pair[1]}, repeats).values()
    cells = [f"{statistics.median(seconds) / count * 1e3:.2f}" for seconds in (ours, theirs)]
    return what, share, *cells, f"{ratio(ours, theirs):.1f}"


def main() -> None:
    """Measure every transform and then the chain, and write the section."""
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", type=cli.at_least(6), default=60, help="of the chain (default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    setting = machine("volumentations-3D", "numpy", "scipy", "opencv-python-headless", "scikit-image")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, shape, np.uint8) for shape in real_sizes(arguments.clips)]
    few = sorted(clips, key=np.size)[len(clips) // 12 :: len(clips) // 6]  # six sizes, evenly over the distribution
    inputs = [rng.integers(0, 256, (*INPUT_SHAPE, 3), np.uint8) for _ in range(2)]
    rows, resized = [], False
    for transform in AUGMENTATION_DROPPED_PLANES:
        volumes = inputs if resized else few
        resized |= isinstance(transform, Resize)
        pair = steps_of(transform, volumes)
        rows.append(row(name_of(transform), f"{transform.p:g}", pair, len(volumes), arguments.repeats))
    rows.append(row("**stage 3's chain**", "", chains(clips), len(clips), arguments.repeats))
    size = "x".join(f"{length:.0f}" for length in np.mean([volume.shape[:3] for volume in clips], axis=0))
    setting += f". One core; median of {arguments.repeats}; {len(clips)} clips, {size} on average, to "
    setting += f"{'x'.join(map(str, INPUT_SHAPE))}; single transforms on {len(few)} of them or two of the net's size."
    header = ("transform", "probability", "ours, ms a clip", "volumentations-3D, ms a clip", "ratio")
    command = f"bench/run.sh augment --clips {len(clips)} --repeats {arguments.repeats}"
    write_section("Augmentation", command, setting, header, rows)


if __name__ == "__main__":
    cli.run(main)
