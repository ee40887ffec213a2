"""Records what albumentations 0.4.6 makes of small grey volumes with the parameters that our transforms drew.

    PYTHONPATH=. python tests/oracles/planes_of_albumentations.py tests/oracles/planes_of_albumentations.npz
    PYTHONPATH=. python tests/oracles/planes_of_albumentations.py tests/oracles/masks_of_albumentations.npz masks

It runs in an environment of its own, see albumentations-0.4.6.txt. The library gets the frames as channels, (H, W, T),
as the second place gave them. Written: `volumes` by name, `cases` as JSON (transform, volume, params), and the result
of each case by its number, all uint8 (T, H, W). With "masks" the pneumothorax recipe's, of an image and a mask.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import albumentations
from albumentations.augmentations import functional
from imgaug.augmenters.arithmetic import add_elementwise
from winners_chains import ALWAYS, BESIDE_MASKS, WITH_MASKS

from stagewise.augment import Flip
from stagewise.augment.intensity import normal_quantiles, random_words

DRAWS = {"square": 3, "oblong": 1}


class Replay:
    """Stands for a random state: the anchors' shifts, and then the noise of columns and of rows."""

    def __init__(self, anchors, noise):
        self.anchors, self.noise = np.array(anchors), iter(noise)

    def uniform(self, low, high, size):
        assert low <= self.anchors.min() and self.anchors.max() <= high and self.anchors.shape == size
        return self.anchors

    def rand(self, height, width):
        noise = next(self.noise)
        assert noise.shape == (height, width)
        return noise


def flip(transform, image, params):
    kind = {1: albumentations.VerticalFlip, 2: albumentations.HorizontalFlip}[transform.axis]
    return kind().apply(image)


def truncated_noise(transform, image, params):
    height, width, frames = image.shape
    rng = np.random.default_rng(params["seed"])
    words = np.dstack([random_words(rng, (height, width)) for _ in range(frames)])
    return functional.gauss_noise(image, normal_quantiles().take(words) * params["std"])


def shared_noise(transform, image, params):
    field = np.random.default_rng(params["seed"]).normal(0, params["std"], image.shape[:2])
    return add_elementwise(image, field.astype(np.float32)[..., np.newaxis])


def multiplicative_noise(transform, image, params):
    height, width, frames = image.shape
    rng = np.random.default_rng(params["seed"])
    factors = np.dstack([transform.factors(rng, (height, width)) for _ in range(frames)])
    return functional.multiply(image, factors.astype(np.float64))


def elastic(transform, image, params, **how):
    noise = np.random.default_rng(params["seed"]).random((2, *image.shape[:2]))
    state = Replay(params["anchors"], noise)
    return functional.elastic_transform(
        image, transform.strength, transform.sigma, transform.anchor, random_state=state, **how
    )


def shift_scale_rotate(transform, image, params):
    settings = params["degrees"], params["scale"], *params["shift"]
    return functional.shift_scale_rotate(image, *settings, border_mode=cv2.BORDER_CONSTANT, value=0)


def resize(transform, image, params):
    return functional.resize(image, *transform.size, getattr(cv2, f"INTER_{transform.kernel.upper()}"))


THEIRS = {
    "Flip": flip,
    "RotateQuarters": lambda transform, image, params: functional.rot90(image, params["turns"]),
    "BrightnessContrast": lambda transform, image, params: functional.brightness_contrast_adjust(
        image, params["factor"], params["offset"], beta_by_max=True
    ),
    "PercentGamma": lambda transform, image, params: functional.gamma_transform(image, params["gamma"]),
    "GaussianBlur": lambda transform, image, params: functional.gaussian_blur(image, params["kernel"]),
    "BoxBlur": lambda transform, image, params: functional.blur(image, params["kernel"]),
    "TruncatedNoise": truncated_noise,
    "SharedNoise": shared_noise,
    "MultiplicativeNoise": multiplicative_noise,
    "ElasticPlanes": elastic,
    "GridDistortion": lambda transform, image, params: functional.grid_distortion(
        image, transform.cells, params["columns"], params["rows"]
    ),
    "OpticalDistortion": lambda transform, image, params: functional.optical_distortion(
        image, params["bend"], *params["shift"]
    ),
    "ShiftScaleRotate": shift_scale_rotate,
    "ResizePlanes": resize,
}


def frames(shape, seed):
    """Blobs as wide as vessels with noise on them, and both ends of the range: uint8 (T, H, W)."""
    rng = np.random.default_rng(seed)
    blobs = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in rng.random(shape)])
    blobs = 300 * (blobs - blobs.min()) / np.ptp(blobs) - 20 + rng.normal(0, 5, shape)
    return blobs.clip(0, 255).astype(np.uint8)


def mirrored(transform, image, params, **how):
    settings = params["degrees"], params["scale"], *params["shift"]
    return functional.shift_scale_rotate(image, *settings, border_mode=cv2.BORDER_REFLECT_101, **how)


WITH_MASKS_THEIRS = {
    "Flip": lambda transform, image, params, **how: flip(transform, image, params),
    "ElasticPlanes": elastic,
    "GridDistortion": lambda transform, image, params, **how: functional.grid_distortion(
        image, transform.cells, params["columns"], params["rows"], **how
    ),
    "OpticalDistortion": lambda transform, image, params, **how: functional.optical_distortion(
        image, params["bend"], *params["shift"], **how
    ),
    "MirroredShiftScaleRotate": mirrored,
    "ResizePlanes": lambda transform, image, params, **how: functional.resize(
        image, *transform.size, **{"interpolation": cv2.INTER_LINEAR, **how}
    ),
}


def record_masks(path):
    """An image, and the part of it above its median as its mask, moved by the nearest pixels."""
    image = frames((1, BESIDE_MASKS, BESIDE_MASKS), 3)
    mask = (cv2.GaussianBlur(image[0], (0, 0), 3) > np.median(image)).astype(np.uint8)[np.newaxis]
    cases, results, rng = [], {}, np.random.default_rng(4)
    for transform in WITH_MASKS:
        for _ in range(4):
            params = transform.draw(rng, (*image.shape, 1))
            theirs = WITH_MASKS_THEIRS[type(transform).__name__]
            moved = (
                theirs(transform, image[0], params),
                theirs(transform, mask[0], params, interpolation=cv2.INTER_NEAREST),
            )
            results |= {f"{len(cases)}_{what}": plane for what, plane in zip(("image", "mask"), moved, strict=True)}
            cases.append({"transform": transform.describe(), "params": params})
    np.savez_compressed(path, cases=json.dumps(cases), image=image[0], mask=mask[0], **results)


def main(path, *square):
    """square: T and side of the square volume, where other ones than the recorded are asked for."""
    length, side = map(int, square or (3, 40))
    volumes = {"square": frames((length, side, side), 0), "oblong": frames((3, 43, 38), 1)}
    cases, results, rng = [], {}, np.random.default_rng(2)
    for name, volume in volumes.items():
        image = np.ascontiguousarray(volume.transpose(1, 2, 0))
        for transform in ALWAYS:
            kind = type(transform).__name__
            if name == "oblong" and kind == "ElasticPlanes":
                continue  # there it takes the height for x, which is meant only where they are equal
            for _ in range(1 if isinstance(transform, Flip) or kind == "ResizePlanes" else DRAWS[name]):
                params = transform.draw(rng, (*volume.shape, 1))
                results[str(len(cases))] = THEIRS[kind](transform, image, params).transpose(2, 0, 1)
                cases.append({"transform": transform.describe(), "volume": name, "params": params})
    np.savez_compressed(path, cases=json.dumps(cases), **volumes, **results)


if __name__ == "__main__":
    record_masks(sys.argv[1]) if sys.argv[2:] == ["masks"] else main(*sys.argv[1:])
