"""One converted image and its mask, read through and compared with what the tables say of them."""

from dataclasses import dataclass
from pathlib import Path

from stagewise.files import paths
from stagewise.volumes.grey_images import GreyImageError, load_grey, load_mask
from stagewise.xrays.mask_table import MaskRowsError, Outlines


@dataclass(frozen=True)
class ExpectedImage:
    """What the conversion's table says of an image: its files, size (H, W), checksums; and its rows of the masks."""

    image: Path
    mask: Path
    size: tuple[int, int]
    sha256: str
    mask_sha256: str
    outlines: Outlines | None

    def __str__(self) -> str:
        return paths.shown(self.image)


def examine(expected: ExpectedImage) -> tuple[str, int]:
    """Read an image and its mask through. Returns: what is wrong, or "", and the pixels in more than one object."""
    try:
        image, overlap = load_grey(expected.image), 0
        if image.shape != expected.size:
            return f"holds {image.shape} height, width; the index says {expected.size}", 0
        if paths.sha256_of(expected.image) != expected.sha256:
            return "changed since its conversion", 0
        mask = load_mask(expected.mask, expected.size) if expected.mask_sha256 else None
        if mask is not None and paths.sha256_of(expected.mask) != expected.mask_sha256:
            return "its mask changed since the conversion", 0
        if expected.outlines is not None:
            united, overlap = expected.outlines.mask(expected.size)
            if not (united == (0 if mask is None else mask)).all():
                return "its mask is not that of the mask table", 0
    except (GreyImageError, MaskRowsError) as error:
        return error.reason if isinstance(error, GreyImageError) else str(error), 0
    return "", overlap
