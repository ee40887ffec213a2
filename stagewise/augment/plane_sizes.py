"""What happens to a clip before its frames are augmented: one channel of it, and the frames' size."""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from stagewise.augment.transform import NO_PARAMS, Params, Transform
from stagewise.messages.errors import InputError

KERNELS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


@dataclass(frozen=True)
class ResizePlanes(Transform):
    """Resize every frame to `size` (H, W); the number of frames stays. Always applied.

    kernel "linear": OpenCV's INTER_LINEAR, pixel centres aligned, no smoothing before shrinking.
    kernel "area": OpenCV's INTER_AREA, which averages over pixel areas only where neither side grows. Where one
    does, sample d of n lies between pixels s = floor(d m / n) and s + 1 of m with the weight f of the second: the
    fraction of (d + 1) - (s + 1) n / m where that is above 0, otherwise 0; on both axes. Where d m / n is whole,
    rounding may make s one less and f 0.
    """

    size: tuple[int, int]
    kernel: str = "linear"
    p: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if len(self.size) != 2 or any(length != int(length) or length < 1 for length in self.size):
            raise InputError(f"ResizePlanes: size must be two whole numbers (H, W) above 0, found {self.size}")
        if self.kernel not in KERNELS:
            raise InputError(f"ResizePlanes: kernel must be one of {', '.join(KERNELS)}, found {self.kernel}")

    def apply(self, volume: np.ndarray, params: Params = NO_PARAMS) -> np.ndarray:
        """The volume of shape (T, *`size`, C), rounded where it is uint8."""
        return self._resized(volume, KERNELS[self.kernel])

    def apply_to_mask(self, mask: np.ndarray, params: Params = NO_PARAMS) -> np.ndarray:
        """The mask of that size, each pixel that of the source at its upper left corner (OpenCV's INTER_NEAREST)."""
        return self._resized(mask, cv2.INTER_NEAREST)

    def _resized(self, volume: np.ndarray, interpolation: int) -> np.ndarray:
        height, width = self.size
        resized = np.empty((len(volume), height, width, volume.shape[3]), volume.dtype)
        for frame, target in zip(volume, resized, strict=True):
            cv2.resize(frame, (width, height), dst=target, interpolation=interpolation)
        return resized


@dataclass(frozen=True)
class Channel(Transform):
    """Keep one channel of a volume: 0 blue, 1 green, 2 red. Always applied."""

    index: int
    p: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if self.index not in (0, 1, 2):
            raise InputError(f"Channel: index must be 0 (blue), 1 (green) or 2 (red), found {self.index}")

    def apply(self, volume: np.ndarray, params: Params = NO_PARAMS) -> np.ndarray:
        """The grey volume (T, H, W, 1). Raises InputError for one that is grey already."""
        if volume.shape[3] != 3:
            raise InputError(
                f"Channel: a volume of 3 channels must be given, found shape {volume.shape}; a grey one needs none"
            )
        return volume[..., self.index : self.index + 1].copy(order="C")
