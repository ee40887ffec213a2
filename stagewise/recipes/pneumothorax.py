"""The first place of "SIIM-ACR Pneumothorax Segmentation": three U-Nets, four experiments, trained part after part.

One page holds every number. Each part starts from the one before, on a smaller share of images with a pneumothorax.
Where the winner's slides and code differ, the code is followed, and the comment says so. The 512 pixels that three of
the experiments began at are in no file of the winner's: ours are part 0's numbers there.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stagewise.augment import (
    BrightnessContrast,
    ElasticPlanes,
    Flip,
    GridDistortion,
    InversePercentGamma,
    MeanBrightness,
    MirroredShiftScaleRotate,
    OneOf,
    OpticalDistortion,
    ResizePlanes,
    Transform,
)
from stagewise.nets.unet import AlbuNet, ResNetUNet, SCSEUNet, UNet
from stagewise.recipes.frames import WholeImage
from stagewise.recipes.kept import TopEpochs
from stagewise.recipes.mask_answers import MirroredMean
from stagewise.recipes.mask_losses import Combo
from stagewise.recipes.optimization import ClippedAdam
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.rows import AllRows
from stagewise.recipes.sampling import SlidingShare
from stagewise.recipes.schedules import Plateau, SawToothUntilFlat
from stagewise.recipes.starts import EarlierPart, RandomStart, TorchFile
from stagewise.recipes.winners_masks import EPOCH_TRIPLETS

SIDE = 1024  # pixels, of the competition's images
HALF = 512  # at which three experiments begin
FOLDER = "pneumothorax"


def imagenet(net: UNet, torch_file: str, host: str = "https://download.pytorch.org/models") -> TorchFile:
    """The encoder's weights, made of PyTorch's by r04."""
    return TorchFile(label="imagenet", file=f"imagenet_{net.family}.weights.h5", download=f"{host}/{torch_file}")


ALBUNET = AlbuNet(input_shape=(SIDE, SIDE), scaling="unit")
# the winner's code scales by ImageNet's statistics in all parts but the second stage: there by 1 / 255, and answers as
# before, which is not followed
RESNET50 = ResNetUNet(input_shape=(SIDE, SIDE), scaling="imagenet")
SEUNET = SCSEUNet(input_shape=(SIDE, SIDE), scaling="unit")
IMAGENET = {
    ALBUNET.family: imagenet(ALBUNET, "resnet34-333f7ec4.pth"),
    RESNET50.family: imagenet(RESNET50, "resnet50-19c8e357.pth"),
    SEUNET.family: imagenet(SEUNET, "se_resnext50_32x4d-a260b3a4.pth", "http://data.lip6.fr/cadene/pretrainedmodels"),
}


def augmentation(side: int, before: int = SIDE, degrees: float = 45.0) -> tuple[Transform, ...]:
    """The winner's, at the images' own size of `before` pixels a side, and then to the net's."""
    scale = before / SIDE
    levels = (
        BrightnessContrast(brightness=(0.0, 0.0), contrast=(-0.2, 0.2), p=1),
        InversePercentGamma(percent=(80, 120), p=1),
        MeanBrightness(limits=(-0.2, 0.2), p=1),
    )
    bends = (
        ElasticPlanes(strength=120.0 * scale**2, sigma=6.0 * scale, anchor=3.6 * scale, p=1),
        GridDistortion(cells=5, stretch=(-0.3, 0.3), p=1),
        # below a bend of -0.36 the outer ring shows parts twice: winner's range, kept
        OpticalDistortion(bend=(-2.0, 2.0), shift=0, p=1),
    )
    return (
        Flip(axis=2, p=0.5),
        OneOf(levels, p=0.1),
        OneOf(bends, p=0.1),
        MirroredShiftScaleRotate(degrees=(-degrees, degrees), scale=(0.9, 1.1), shift=0.0625, p=0.5),
        ResizePlanes((side, side)),
    )


PLATEAU = Plateau(
    epochs=50,
    plateau_factor=0.1,
    plateau_patience=3,  # Keras' count: the third epoch without a better score; PyTorch's setting is 2
    minimum_learning_rate=1e-7,
    stop_patience=11,  # Keras' count, as well; the setting is 10
)
COSINE = SawToothUntilFlat(epochs=50, half_period=8, minimum_learning_rate=1e-7, stop_patience=13)
TRIPLETS = tuple((rule.top, rule.area, rule.bottom) for rule in EPOCH_TRIPLETS)
KEPT = TopEpochs(monitor="dice", count=5, triplets=TRIPLETS)

PART0 = Recipe(
    name="",
    preset="full",
    net=ALBUNET,
    start=IMAGENET[ALBUNET.family],
    rows=AllRows(),
    frames=WholeImage(),
    sampling=SlidingShare(0.8),
    augmentation=augmentation(SIDE),
    loss=Combo(cross_entropy=3.0, dice=1.0, focal=4.0),
    optimizer=ClippedAdam(learning_rate=1e-4, clip=0.1, decay=5e-6, accumulation_steps=1),
    schedule=PLATEAU,
    kept=KEPT,
    answer=MirroredMean(openvino_precision="f32"),
    batch_size=2,
    gpu_precision="float32",
)
LATER = changed(PART0, learning_rate=1e-5, schedule=COSINE, count=3)


def experiment(
    name: str,
    net: UNet,
    loss: Combo,
    shares: tuple[float, float, float],
    begins_at_half: bool = True,
    **of_second: Any,
) -> dict[str, Recipe]:
    """The parts of an experiment, in their order, each from the one before.

    shares: of images with a pneumothorax in parts 1 and 2 and in the second stage; of_second: what else its numbers
    are.
    """
    start = IMAGENET[net.family]
    half = changed(PART0, net=net, loss=loss, start=start, input_shape=(HALF, HALF), augmentation=augmentation(HALF))
    parts = {"at512": half} if begins_at_half else {}
    parts["part0"] = changed(PART0, net=net, loss=loss, start=start)
    for part, share in zip(("part1", "part2", "second"), shares, strict=True):
        parts[part] = changed(LATER, net=net, loss=loss, share=share)
    parts["second"] = changed(parts["second"], epochs=40, triplets=TRIPLETS[: len(TRIPLETS) // 2], **of_second)
    made: dict[str, Recipe] = {}
    for part, recipe in parts.items():
        earlier = EarlierPart(list(made.values())[-1].name) if made else start
        made[part] = replace(recipe, name=f"{FOLDER}_{name}_{part}", start=earlier)
    return made


HEAVY = Combo(cross_entropy=3.0, dice=1.0, focal=4.0)
ALBUNET_PUBLIC = experiment("albunet_public", ALBUNET, Combo(1.0, 1.0, 1.0), shares=(0.4, 0.6, 0.4))
ALBUNET_VALID = experiment("albunet_valid", ALBUNET, HEAVY, shares=(0.6, 0.4, 0.4))
SEUNET_PARTS = experiment("seunet", SEUNET, HEAVY, shares=(0.6, 0.4, 0.5), minimum_learning_rate=1e-8, decay=5e-7)
RESNET50_PARTS = experiment("resnet50", RESNET50, Combo(2.0, 1.0, 2.0), shares=(0.6, 0.4, 0.5), begins_at_half=False)
EXPERIMENTS = {
    "albunet_public": ALBUNET_PUBLIC,
    "albunet_valid": ALBUNET_VALID,
    "seunet": SEUNET_PARTS,
    "resnet50": RESNET50_PARTS,
}

TORCH_STARTS = tuple(
    (stage.net, stage.start, stage.name)
    for stage in (ALBUNET_PUBLIC["at512"], RESNET50_PARTS["part0"], SEUNET_PARTS["at512"])
)


def resized(recipe: Recipe, preset: str, side: int, **numbers: Any) -> Recipe:
    """The same part on images of another size, and of about half of it where it begins there, with other numbers."""
    if recipe.net.input_shape[0] == HALF:
        side = max(side // 2 // recipe.net.side, 1) * recipe.net.side
    return changed(recipe, preset=preset, input_shape=(side, side), **numbers)


# ours, for two CPU cores: the same forms, an eighth as wide, a block a stage; AlbuNet a quarter, since the oneDNN of
# TensorFlow 2.21 writes beyond its memory in a training step of one with 8 channels on 192 pixels
NARROW = {"widths": (8, 16, 32, 64), "decoded": (32, 32, 16, 8, 8)}
DEMO_NETS = {
    "AlbuNet": {"widths": (16, 32, 64, 128), "decoded": 8},
    "ResNetUNet": NARROW,
    "SCSEUNet": NARROW | {"groups": 4, "reduction": 4},
}
SHORT = SawToothUntilFlat(epochs=16, half_period=16, minimum_learning_rate=1e-5, stop_patience=16)


def demo(recipe: Recipe) -> Recipe:
    """The same part with the demo's numbers: the code path of `full`, minutes instead of weeks."""
    net = replace(recipe.net, blocks=(1, 1, 1, 1), **DEMO_NETS[type(recipe.net).__name__])
    first = isinstance(recipe.schedule, Plateau)
    recipe = resized(replace(recipe, net=net), "demo", side=192, batch_size=4, clip=1.0)
    side = recipe.net.input_shape[0]
    # resized first, so that what bends them is as fine as the net sees; turned less, as so few epochs ask for
    *moves, resize = augmentation(side, before=side, degrees=10.0)
    return changed(
        recipe,
        start=RandomStart() if isinstance(recipe.start, TorchFile) else recipe.start,
        augmentation=(resize, *moves),
        schedule=SHORT if first else replace(SHORT, epochs=3, half_period=3),
        learning_rate=2e-3 if first else 3e-4,
    )


def small(recipe: Recipe) -> Recipe:
    """The same part and net on 256 pixels a side (ours)."""
    recipe = resized(recipe, "small", side=256)
    return changed(recipe, augmentation=augmentation(recipe.net.input_shape[0]))


PRESETS: dict[str, Callable[[Recipe], Recipe]] = {"full": lambda recipe: recipe, "small": small, "demo": demo}
