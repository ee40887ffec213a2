"""Augmentation of volumes: a sequence of transforms, each a page of parameters, applied by `augment`."""

from stagewise.augment.adapter import FromVolumentations
from stagewise.augment.blur import BoxBlur, GaussianBlur
from stagewise.augment.choice import OneOf
from stagewise.augment.curves import BrightnessContrast, InversePercentGamma, MeanBrightness, PercentGamma
from stagewise.augment.elastic import ElasticTransform
from stagewise.augment.intensity import GaussianNoise, RandomGamma
from stagewise.augment.noise import MultiplicativeNoise, SharedNoise, TruncatedNoise
from stagewise.augment.plane_sizes import Channel, ResizePlanes
from stagewise.augment.plane_warps import (
    ElasticPlanes,
    GridDistortion,
    MirroredShiftScaleRotate,
    OpticalDistortion,
    ShiftScaleRotate,
)
from stagewise.augment.planes import DropPlanes, Flip, RandomCropFromBorders, RotateQuarters
from stagewise.augment.resampling import Resize, Rotate
from stagewise.augment.transform import Transform, augment, augment_with_mask
from stagewise.augment.turns import Turn

__all__ = [
    "BoxBlur",
    "BrightnessContrast",
    "Channel",
    "DropPlanes",
    "ElasticPlanes",
    "ElasticTransform",
    "Flip",
    "FromVolumentations",
    "GaussianBlur",
    "GaussianNoise",
    "GridDistortion",
    "InversePercentGamma",
    "MeanBrightness",
    "MirroredShiftScaleRotate",
    "MultiplicativeNoise",
    "OneOf",
    "OpticalDistortion",
    "PercentGamma",
    "RandomCropFromBorders",
    "RandomGamma",
    "Resize",
    "ResizePlanes",
    "Rotate",
    "RotateQuarters",
    "SharedNoise",
    "ShiftScaleRotate",
    "Transform",
    "TruncatedNoise",
    "Turn",
    "augment",
    "augment_with_mask",
]
