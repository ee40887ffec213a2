"""The winning recipe of "Clog Loss: Stall Catchers" (Solovyev, Kalinin, Gabruseva, Comput. Biol. Med. 141, 2022).

One page holds every number. Where the winner's write-up and code differ, the code that made the score is
followed, and the comment says so. A stage script states only what differs from `D121`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stagewise.augment import (
    DropPlanes,
    ElasticTransform,
    Flip,
    GaussianNoise,
    RandomCropFromBorders,
    RandomGamma,
    Resize,
    Rotate,
    RotateQuarters,
)
from stagewise.messages.errors import InputError
from stagewise.nets.densenet import DenseNet3D
from stagewise.recipes.answers import FlippedMean
from stagewise.recipes.frames import WholeClip
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.optimization import Adam, BinaryCrossEntropy
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.rows import AllRows
from stagewise.recipes.sampling import ByChance
from stagewise.recipes.schedules import Plateau
from stagewise.recipes.starts import RandomStart, WeightsFile

INPUT_SHAPE = (96, 128, 128)  # frames, height, width: winner's value, from the histograms of crop sizes

BEFORE_RESIZE = (
    Rotate(degrees=(-10.0, 10.0), p=0.3),
    ElasticTransform(deformation=(0.0, 0.25), p=0.1),
    RandomCropFromBorders(share=0.15, p=0.4),
)
AFTER_RESIZE = (
    Resize(INPUT_SHAPE),
    Flip(axis=0, p=0.5),
    Flip(axis=1, p=0.5),
    Flip(axis=2, p=0.5),
    RotateQuarters(p=0.5),
    GaussianNoise(std=(0.0, 5.0), p=0.2),
    RandomGamma(gamma=(0.5, 1.5), p=0.2),
)
AUGMENTATION = BEFORE_RESIZE + AFTER_RESIZE  # stages 1 and 2, as in the code; the write-up drops planes there too
AUGMENTATION_DROPPED_PLANES = (*BEFORE_RESIZE, DropPlanes(share=0.1, p=0.3), *AFTER_RESIZE)  # stage 3

IMAGENET = WeightsFile(label="imagenet", file="imagenet_densenet121_3d.weights.h5")

D121 = Recipe(
    name="",
    preset="full",
    net=DenseNet3D(
        input_shape=INPUT_SHAPE,
        blocks=(6, 12, 24, 16),
        growth_rate=32,
        stem_filters=64,
        reduction=0.5,
        head_units=512,
        dropout=0.5,
        batch_norm_momentum=0.99,  # Keras' default, which the winner left as it is
    ),
    start=RandomStart(),
    rows=AllRows(),
    frames=WholeClip(),
    sampling=ByChance(share=0.25, steps_per_epoch=1000),
    augmentation=AUGMENTATION,
    loss=BinaryCrossEntropy(),
    optimizer=Adam(
        learning_rate=1e-4,
        accumulation_steps=20,  # 6 x 20 accumulated = 120 clips a step; in the code, not in the write-up
    ),
    schedule=Plateau(
        epochs=150,
        plateau_factor=0.95,
        plateau_patience=3,
        minimum_learning_rate=1e-9,
        stop_patience=15,
    ),
    kept=BestEpoch(monitor="auc", flowing_per_stalled=1),
    answer=FlippedMean(openvino_precision="bf16"),  # ours: half the time of f32 on a processor that has it
    batch_size=6,  # what 11 GB of a GTX 1080 Ti hold; of a larger GPU see GPU_BATCH
    # ours: half the memory traffic of float32, tensor cores, and float32's range, so that no loss scaling is needed;
    # weights, BatchNorm statistics and the optimizer stay float32. The winner's float32 is "float32" here
    gpu_precision="mixed_bfloat16",
)

# Clips a batch of the preset "full", which wants a GPU, in place of `batch_size`; None is the winner's. 24 makes the
# same steps of 120 clips by 5 batches, not 20, whose activations take four times the memory (bench/gpu.sh times both).
# It is another recipe, to be chosen before a training begins: BatchNorm takes its statistics of 24 clips
GPU_BATCH: int | None = None

# ours: small enough for two CPU cores and a quarter of an hour, large enough to learn motion from random weights
DEMO_NET = DenseNet3D(
    input_shape=(32, 64, 64),
    blocks=(2, 2, 2, 2),
    growth_rate=16,
    stem_filters=16,
    reduction=0.5,
    head_units=64,
    dropout=0.5,
    batch_norm_momentum=0.9,  # a few hundred steps must be enough for the running statistics
)


def resized(recipe: Recipe, net: DenseNet3D, **numbers: Any) -> Recipe:
    """The recipe with another net and other numbers, whose augmentation ends at the net's input size."""
    resize = Resize(net.input_shape)
    augmentation = tuple(resize if isinstance(step, Resize) else step for step in recipe.augmentation)
    return changed(recipe, net=net, augmentation=augmentation, **numbers)


def in_batches_of(recipe: Recipe, size: int) -> Recipe:
    """The same stage by batches of another size, with as many clips in a step of the optimizer and in an epoch.

    Raises InputError where those are no whole number of batches.
    """
    step = recipe.batch_size * recipe.optimizer.accumulation_steps
    epoch = recipe.batch_size * recipe.sampling.steps_per_epoch
    if size < 1 or step % size or epoch % size:
        raise InputError(
            f"{step} clips a step and {epoch} an epoch of {recipe.name} are no batches of {size}; "
            "choose another GPU_BATCH on the recipe's page"
        )
    return changed(recipe, batch_size=size, accumulation_steps=step // size, steps_per_epoch=epoch // size)


def demo(recipe: Recipe) -> Recipe:
    """The same stage with the demo's numbers: the code path of `full`, minutes instead of days."""
    return resized(
        recipe,
        preset="demo",
        net=DEMO_NET,
        start=RandomStart() if isinstance(recipe.start, WeightsFile) else recipe.start,  # no file is of so small a net
        openvino_precision="f32",  # bf16 gains little on so small a net, and moved probabilities by up to 0.006
        batch_size=8,
        accumulation_steps=2,
        steps_per_epoch=75,
        epochs=3,
        learning_rate=1e-3,
    )


def small(recipe: Recipe) -> Recipe:
    """The same stage and net for volumes of about 30 voxels a side, such as VesselMNIST3D's, without a GPU (ours)."""
    return resized(
        recipe,
        preset="small",
        net=replace(recipe.net, input_shape=(32, 32, 32)),  # the least that the net takes
        openvino_precision="f32",
        batch_size=16,
        accumulation_steps=1,
        steps_per_epoch=100,
        epochs=6,
        plateau_factor=0.5,  # a few epochs must be enough to come down
        plateau_patience=1,
    )


def full(recipe: Recipe) -> Recipe:
    """The winner's numbers, in batches of `GPU_BATCH`."""
    return recipe if GPU_BATCH is None else in_batches_of(recipe, GPU_BATCH)


PRESETS: dict[str, Callable[[Recipe], Recipe]] = {"full": full, "small": small, "demo": demo}
