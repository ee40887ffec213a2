"""Augmentation of volumes: a sequence of transforms, each a page of parameters, applied by `augment`."""

from stagewise.augment.adapter import FromVolumentations
from stagewise.augment.elastic import ElasticTransform
from stagewise.augment.intensity import GaussianNoise, RandomGamma
from stagewise.augment.planes import DropPlanes, Flip, RandomCropFromBorders, RotateQuarters
from stagewise.augment.resampling import Resize, Rotate
from stagewise.augment.transform import Transform, augment

__all__ = [
    "DropPlanes",
    "ElasticTransform",
    "Flip",
    "FromVolumentations",
    "GaussianNoise",
    "RandomCropFromBorders",
    "RandomGamma",
    "Resize",
    "Rotate",
    "RotateQuarters",
    "Transform",
    "augment",
]
