"""A map laid on its clip: each voxel where the net took it from, linear between, in colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.nets.net import Grid

Sizes = tuple[int, int, int]  # (T, H, W), frames and pixels


@dataclass(frozen=True)
class Laid:
    """A map and where it lies.

    heat: (t, h, w) float32, at least 0, of one number a voxel, or (t, h, w, 3) uint8 BGR; grid: where its voxels lie on
    the clip as the net sees it; seen: that clip's size, without padding.
    """

    heat: np.ndarray
    grid: Grid
    seen: Sizes

    def zoomed(self, shape: Sizes) -> np.ndarray:
        """The map at the size of the clip itself, (T, h, w), of the same type.

        Linear between the middles of voxels, and level beyond the outermost.
        """
        along = [
            _weights(*axis)
            for axis in zip(self.grid.first, self.grid.steps, self.heat.shape, self.seen, shape, strict=False)
        ]
        zoomed = np.empty((*shape, *self.heat.shape[3:]), self.heat.dtype)
        for frame, weights in zip(zoomed, along[0], strict=True):
            plane = np.tensordot(weights, self.heat.astype(np.float32), 1)
            plane = np.einsum("Hh,hw...,Ww->HW...", along[1], plane, along[2], optimize=True)
            frame[:] = np.rint(plane) if self.heat.dtype == np.uint8 else plane
        return zoomed

    def coloured(self, shape: Sizes) -> np.ndarray:
        """The map at the size of the clip itself in colours, (T, h, w, 3) uint8 BGR.

        One of one number a voxel: from black (0) over purple and orange to light yellow (the map's largest value);
        zeros alone are black.
        """
        if self.heat.ndim == 4:
            return self.zoomed(shape)
        levels = np.rint(255 * self.heat / max(self.heat.max(), np.finfo(np.float32).tiny)).astype(np.uint8)
        grey = Laid(levels, self.grid, self.seen).zoomed(shape)
        return cv2.applyColorMap(grey.reshape(-1, shape[2]), cv2.COLORMAP_INFERNO).reshape(*shape, 3)


def _weights(first: int, step: int, voxels: int, seen: int, shown: int) -> np.ndarray:
    """What each voxel counts for each of the clip's frames, rows or columns along one axis: (shown, voxels) float32."""
    on_net = (np.arange(shown) + 0.5) * seen / shown - 0.5  # pixels are cells, as in `augment.Resize`
    places = np.clip((on_net - first) / step, 0, voxels - 1)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(voxels)), 0).astype(np.float32)
