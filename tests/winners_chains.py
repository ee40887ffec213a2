"""The augmentation of the second and the third place, as their fact sheets have it, and one of each transform in it."""

from dataclasses import replace

from stagewise.augment import Flip, OneOf, ResizePlanes, RotateQuarters, Turn
from stagewise.recipes import pneumothorax
from stagewise.recipes.r101 import BLUR_OR_NOISE, GREY_LEVELS, SHIFT_SCALE_ROTATE, SIDE, augmentation, distortions

DISTORTIONS = distortions(SIDE)
SECOND_PLACE = augmentation(SIDE)[2:]  # without the channel and the size that come first

THIRD_PLACE = (
    OneOf((Turn(quarters=1, p=1), Turn(quarters=2, p=1), Turn(quarters=3, p=1)), p=0.25),
    # the flip of both axes is the half turn
    OneOf((Flip(axis=1, p=1), Flip(axis=2, p=1), Turn(quarters=2, p=1)), p=0.25),
)

RESIZES = (
    ResizePlanes((33, 61)),
    ResizePlanes((61, 50), kernel="area"),
    ResizePlanes((61, 20), kernel="area"),
    ResizePlanes((20, 16), kernel="area"),
)
BESIDE_MASKS = 40  # pixels a side of the images that the pneumothorax recipe's chain is tried on
_flip, _, _bends, _move, _ = pneumothorax.augmentation(BESIDE_MASKS, before=BESIDE_MASKS)
WITH_MASKS = (replace(_flip, p=1), *_bends.transforms, replace(_move, p=1), ResizePlanes((27, 27)))
ALWAYS = (
    Flip(axis=2, p=1),
    Flip(axis=1, p=1),
    RotateQuarters(p=1),
    *GREY_LEVELS,
    *BLUR_OR_NOISE,
    *DISTORTIONS,
    replace(SHIFT_SCALE_ROTATE, p=1),
    *RESIZES,
)
