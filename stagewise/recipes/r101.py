"""The second place of "Clog Loss: Stall Catchers": one grey 3D ResNet101 on all frames, the mean of five snapshots.

One page holds every number. Where the winner's write-up and code differ, the code that made the score is followed, and
the comment says so. The winner held nothing out; here folds are, as everywhere. A stage script states only what differs
from `R101`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stagewise.augment import (
    BoxBlur,
    BrightnessContrast,
    Channel,
    ElasticPlanes,
    Flip,
    GaussianBlur,
    GridDistortion,
    MultiplicativeNoise,
    OneOf,
    OpticalDistortion,
    PercentGamma,
    ResizePlanes,
    RotateQuarters,
    SharedNoise,
    ShiftScaleRotate,
    Transform,
    TruncatedNoise,
)
from stagewise.nets.resnet3d import ResNet3D
from stagewise.recipes.answers import AsItIs
from stagewise.recipes.frames import EveryFrame
from stagewise.recipes.kept import Snapshots
from stagewise.recipes.optimization import AdamW, BinaryCrossEntropy
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.rows import Tier1
from stagewise.recipes.sampling import EachStalledOnce
from stagewise.recipes.schedules import SawTooth
from stagewise.recipes.starts import ParentSnapshot, RandomStart

SIDE = 160  # pixels, both sides of a frame: winner's value
RED = 2  # of BGR: winner's value; the outline is bright there
# ours: the winner padded to the longest clip of a batch of eight, so that answers hung on their neighbours
LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512)
SCORES = {"monitor": "auc", "flowing_per_stalled": 3}  # ours: the winner validated nothing

GREY_LEVELS = (
    BrightnessContrast(brightness=(-0.2, 0.2), contrast=(-0.2, 0.2), p=1),
    PercentGamma(percent=(80, 120), p=1),
)
BLUR_OR_NOISE = (
    GaussianBlur(kernels=(3, 5, 7), p=1),
    TruncatedNoise(variance=(10.0, 50.0), p=1),
    SharedNoise(std=(2.55, 12.75), p=1),
    BoxBlur(kernels=(3, 5, 7), p=1),
    MultiplicativeNoise(factor=(0.5, 1.5), p=1),
)
SHIFT_SCALE_ROTATE = ShiftScaleRotate(degrees=(-10.0, 10.0), scale=(0.8, 1.2), shift=0.1, p=0.5)


def distortions(side: int) -> tuple[Transform, ...]:
    """The winner's for frames of so many pixels a side: on another size than theirs, as large for the eye."""
    scale = side / SIDE
    return (
        # a displacement grows with strength over sigma
        ElasticPlanes(strength=120.0 * scale**2, sigma=7.5 * scale, anchor=3.6 * scale, p=1),
        GridDistortion(cells=5, stretch=(-0.3, 0.3), p=1),
        OpticalDistortion(bend=(-1.0, 1.0), shift=3.6 * scale, p=1),
    )


def augmentation(side: int, often: float = 0.5) -> tuple[Transform, ...]:
    """The winner's, in their order, behind what validation and test clips get, too.

    often: the probability of those that change more than the clip's orientation.
    """
    return (
        Channel(RED),
        ResizePlanes((side, side)),
        Flip(axis=2, p=0.5),
        Flip(axis=1, p=0.5),
        RotateQuarters(p=0.5),
        OneOf(GREY_LEVELS, p=often),
        OneOf(BLUR_OR_NOISE, p=often),
        OneOf(distortions(side), p=often),
        replace(SHIFT_SCALE_ROTATE, p=often),
        Flip(axis=0, p=0.5),
    )


R101 = Recipe(
    name="",
    preset="full",
    net=ResNet3D(
        input_shape=(None, SIDE, SIDE),
        channels=1,
        blocks=(3, 4, 23, 3),
        bottleneck=True,
        widths=(64, 128, 256, 512),
        batch_norm_momentum=0.9,
    ),
    start=RandomStart(),
    rows=Tier1(),
    frames=EveryFrame(channel=RED, lengths=LENGTHS),
    sampling=EachStalledOnce(flowing_for_each=3),
    augmentation=augmentation(SIDE),
    loss=BinaryCrossEntropy(),
    optimizer=AdamW(learning_rate=1e-4, weight_decay=5e-4, epsilon=1e-8, accumulation_steps=1),
    # in the code: a default of five epochs that nobody set; the write-up's cosine would come down once
    schedule=SawTooth(epochs=1120, half_period=5, minimum_learning_rate=1e-6),
    kept=Snapshots(**SCORES, kept_epochs=(515, 705, 915)),
    answer=AsItIs(openvino_precision="f32"),
    batch_size=4,
    gpu_precision="float32",  # the commands name no half precision, and the exporter refuses it
)

# ours, for two CPU cores: a few layers, two teeth, a snapshot at the end of each
DEMO_NET = ResNet3D(
    input_shape=(None, 48, 48),
    channels=1,
    blocks=(1, 1, 1, 1),
    bottleneck=False,
    widths=(8, 16, 32, 64),
    batch_norm_momentum=0.9,
)
SHORT = SawTooth(epochs=7, half_period=2, minimum_learning_rate=1e-5)
SHORT_SNAPSHOTS = (3, 7)  # at the least rates


def shortened(recipe: Recipe, preset: str, net: ResNet3D, **numbers: Any) -> Recipe:
    """The same run on another net in a few epochs, with snapshots of its own numbers in the place of the winner's.

    Of an earlier run the last one counts alone, and is the start: those before it have hardly learned anything.
    """
    last = SHORT_SNAPSHOTS[-1]
    earlier = tuple((stage, last) for stage in dict.fromkeys(stage for stage, _ in recipe.kept.earlier))
    start = recipe.start
    if isinstance(start, ParentSnapshot):
        start = replace(start, snapshot=last)
    return changed(
        recipe,
        preset=preset,
        net=net,
        start=start,
        schedule=SHORT,
        kept=replace(recipe.kept, kept_epochs=SHORT_SNAPSHOTS, earlier=earlier),
        **{"augmentation": augmentation(net.input_shape[1]), **numbers},
    )


def demo(recipe: Recipe) -> Recipe:
    """The same run with the demo's numbers: the code path of `full`, minutes instead of weeks."""
    # with the winner's probabilities a few epochs are not enough to see motion: out of fold ROC AUC 0.5 after five
    rarely = augmentation(DEMO_NET.input_shape[1], often=0.1)
    return shortened(recipe, "demo", DEMO_NET, learning_rate=2e-3, augmentation=rarely)


def small(recipe: Recipe) -> Recipe:
    """The same run and net for volumes of about 30 voxels a side, such as VesselMNIST3D's, without a GPU (ours)."""
    return shortened(recipe, "small", replace(recipe.net, input_shape=(None, 32, 32)), batch_size=8)


PRESETS: dict[str, Callable[[Recipe], Recipe]] = {"full": lambda recipe: recipe, "small": small, "demo": demo}
