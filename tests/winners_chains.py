"""The augmentation of the second and the third place, as their fact sheets have it, and one of each transform in it."""

from dataclasses import replace

from stagewise.augment import (
    BoxBlur,
    BrightnessContrast,
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
    TruncatedNoise,
    Turn,
)

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
DISTORTIONS = (
    ElasticPlanes(strength=120.0, sigma=7.5, anchor=3.6, p=1),
    GridDistortion(cells=5, stretch=(-0.3, 0.3), p=1),
    OpticalDistortion(bend=(-1.0, 1.0), shift=3.6, p=1),
)
SHIFT_SCALE_ROTATE = ShiftScaleRotate(degrees=(-10.0, 10.0), scale=(0.8, 1.2), shift=0.1, p=0.5)

SECOND_PLACE = (
    Flip(axis=2, p=0.5),
    Flip(axis=1, p=0.5),
    RotateQuarters(p=0.5),
    OneOf(GREY_LEVELS, p=0.5),
    OneOf(BLUR_OR_NOISE, p=0.5),
    OneOf(DISTORTIONS, p=0.5),
    SHIFT_SCALE_ROTATE,
    Flip(axis=0, p=0.5),
)
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
