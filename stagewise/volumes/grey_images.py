"""Grey images and masks on disk: PNG, 8 bits a pixel, and nothing of a damaged file is taken for an image."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from stagewise.files import paths
from stagewise.messages.commands import CONVERT_DICOM
from stagewise.messages.errors import InputError
from stagewise.volumes.grey_png import LARGEST_PIXELS, NotAnImageError, grey_png, read_grey

# ours: the real X-ray takes 25 ms and 411 kB, with level 6 154 ms and 364 kB
FASTEST = (cv2.IMWRITE_PNG_COMPRESSION, 1)
LEVELS = (0, 255)  # of a mask
SUBSET_OF = {"train": "train", "test": "test", "masks": "train"}  # by the folder


class GreyImageError(InputError):
    """An image that cannot be used; `reason` says why, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # by which a worker's error is made again in the process that waits for it
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        subset = self.path.parent.name
        again = f"{CONVERT_DICOM} {SUBSET_OF[subset]}" if subset in SUBSET_OF else CONVERT_DICOM
        return f"image {paths.shown(self.path)}: {self.reason}; run: {again}"


def save_grey(path: Path, image: np.ndarray, durable: bool = True) -> str:
    """Write an image or a mask, the same bytes for the same image on the same machine.

    image: (H, W) uint8, every side at least 1; durable: as for `paths.replacing`. Returns: the file's sha256,
    hexadecimal. Raises ValueError for any other array.
    """
    if image.dtype != np.uint8 or image.ndim != 2 or not 0 < image.size <= LARGEST_PIXELS:
        raise ValueError(f"{image.dtype} {image.shape} is not a grey image: (H, W) uint8 of {LARGEST_PIXELS} at most")
    content = grey_png(image, *FASTEST)
    with paths.replacing(path, durable) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_grey(path: Path) -> np.ndarray:
    """Read a whole image. Returns: (H, W) uint8, C order, writable.

    Raises GreyImageError for a file that is missing, damaged, too large, or anything but a grey PNG of 8 bits.
    """
    try:
        return read_grey(path, 8)
    except FileNotFoundError:
        problem = "is not there"
    except NotAnImageError as error:
        problem = str(error)
    raise GreyImageError(path, problem)


def load_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a whole mask. shape: (H, W) of its image. Returns: (H, W) uint8, 0 or 255.

    Raises GreyImageError as `load_grey` does, and for a mask of another size, or with other levels.
    """
    mask = load_grey(path)
    if mask.shape != tuple(shape):
        sizes = " and ".join(f"{width} x {height}" for height, width in (mask.shape, shape))
        raise GreyImageError(path, f"the mask and its image have different sizes, {sizes} pixels")
    levels = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    if strange := [int(level) for level in levels if level not in LEVELS]:
        raise GreyImageError(path, f"has a pixel of {strange[0]}, where a mask has 0 and 255 alone")
    return mask
