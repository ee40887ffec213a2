"""The elastic deformation of a volume."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.augment.transform import (
    Params,
    Transform,
    check_probability,
    check_range,
    to_dtype,
)

BORDER = 2  # pixels that the cubic kernel reaches beyond a frame
KERNEL_SIGMAS = 4.0  # the Gaussian kernel ends here, as in scipy.ndimage.gaussian_filter
# ours: an axis smoothed by more than this many voxels is computed at every quarter of its sigma, and by cubic splines
# in between, which moves a field by less than 1e-3 of its largest shift (tests/test_augment_elastic.py)
FINE_SIGMA = 8.0
NODES_A_SIGMA = 4


@dataclass(frozen=True)
class ElasticTransform(Transform):
    """Shift every voxel by smooth random fields, one for each axis; 0 outside, shape kept.

    The fields are those of ElasticTransform in volumentations-3D 1.0.4: one d = U(`deformation`) for all
    axes and sigma = d x length on each; for each axis uniform noise of -1 to 1, smoothed by a Gaussian of
    these sigmas with 0 outside, scaled to a largest shift of U(sigma / 8, sigma / 2), less its mean. That
    library then rounds the centre to a whole voxel and so shifts most volumes by up to one; this does not.
    """

    deformation: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        check_range(self, "deformation", self.deformation, 0, 1)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`sigmas` and largest `shifts` of the three axes in voxels, and the `seed` of the noise."""
        lengths = np.array(shape[:3])
        sigmas = rng.uniform(*self.deformation) * lengths
        shifts = rng.uniform(sigmas / 8, sigmas / 2)
        shifts[lengths == 1] = 0  # ours: any shift across a single plane would turn all of it to 0
        return {"sigmas": sigmas.tolist(), "shifts": shifts.tolist(), "seed": int(rng.integers(2**63))}

    def apply(self, volume: np.ndarray, params: Params) -> np.ndarray:
        """The volume, sampled where the fields point."""
        if not any(params["shifts"]):
            return volume.copy(order="C")
        noise = np.random.default_rng(params["seed"]).random((3, *volume.shape[:3]), np.float32) * 2 - 1
        return warp(volume, smooth_fields(noise, params["sigmas"], params["shifts"]))


def smooth_fields(noise: np.ndarray, sigmas: list[float], shifts: list[float]) -> np.ndarray:
    """Smooth random shifts out of noise, one field for each axis.

    noise: (3, T, H, W). sigmas, shifts: three each, in voxels; sigmas above 0.
    Returns: (3, T, H, W) float32 voxels; the largest absolute value of field k was `shifts[k]` before its
    mean was subtracted.
    """
    over_axes = [_smoothing(length, sigma) for length, sigma in zip(noise.shape[1:], sigmas, strict=True)]
    fields = np.empty(noise.shape, np.float32)
    for field, smooth, shift in zip(fields, noise, shifts, strict=True):
        # the small sides of the matrices first: down the axes to their nodes, and up again in reverse
        steps = [(axis, down) for axis, (down, _) in enumerate(over_axes)]
        steps += [(axis, up) for axis, (_, up) in reversed(list(enumerate(over_axes))) if up is not None]
        for axis, matrix in steps:
            smooth = _apply_along(axis, matrix, smooth)
        smooth *= shift / max(smooth.max(), -smooth.min())
        np.subtract(smooth, smooth.mean(), out=field, casting="same_kind")
    return fields


def _apply_along(axis: int, matrix: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """The matrix times every line of a (T, H, W) volume along the axis."""
    if axis == 0:
        return (matrix @ volume.reshape(len(volume), -1)).reshape(-1, *volume.shape[1:])
    return matrix @ volume if axis == 1 else volume @ matrix.T


def _smoothing(length: int, sigma: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Matrices that smooth an axis with 0 outside, but for a factor: to its nodes, and from there to its voxels.

    As matrix products the smoothing takes the same few ms for any sigma; in float64, rounding that depends on the
    number of BLAS threads is lost again in float32. Returns: (nodes, length) float64, and (length, nodes) or None
    where every voxel is a node.
    """
    places = nodes = np.arange(length)
    if sigma > FINE_SIGMA:
        nodes = np.linspace(0, length - 1, math.ceil((length - 1) * NODES_A_SIGMA / sigma) + 1)
    distances = np.abs(nodes[:, np.newaxis] - places)
    down = np.exp(-0.5 * (distances / sigma) ** 2)
    down[distances > int(KERNEL_SIGMAS * sigma + 0.5)] = 0
    return down, None if nodes is places else _splines(nodes)(places)


def _splines(nodes: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Cubic splines that are 1 at one node and 0 at the others, a column each."""
    from scipy.interpolate import make_interp_spline

    return make_interp_spline(nodes, np.eye(len(nodes)))


def warp(volume: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """The volume sampled at every voxel's place plus its shift: smooth in all axes, 0 outside.

    Over frames this is the quadratic spline of scipy.ndimage.map_coordinates (order 2, mode "constant"), in
    the image plane OpenCV's cubic convolution; on blobs of sigma 1.5 pixels the two stay within 4 grey levels,
    and this takes a third of the time.

    volume: (T, H, W, C) uint8 or float32. fields: (3, T, H, W) float32 voxels.
    Returns: the volume's shape and dtype, overshoot clipped to 0-255.
    """
    sheet, left, top = _contact_sheet(_spline_coefficients(volume))
    last_frame, last_row, last_column = (length - 1 for length in volume.shape[:3])
    rows, columns = (axis.astype(np.float32) for axis in np.ogrid[: last_row + 1, : last_column + 1])
    warped = np.zeros(volume.shape, np.float32)
    for index, target in enumerate(warped):
        frame, row, column = index + fields[0, index], rows + fields[1, index], columns + fields[2, index]
        inside = (frame >= 0) & (frame <= last_frame) & (row >= 0) & (row <= last_row)
        inside &= (column >= 0) & (column <= last_column)
        nearest = np.rint(frame).clip(0, last_frame)
        for neighbour, weight in _quadratic_weights(frame - nearest):
            source = nearest.astype(int) + neighbour
            sample = cv2.remap(sheet, left[source] + column, top[source] + row, cv2.INTER_CUBIC)
            target += sample.reshape(target.shape) * (weight * inside)[..., np.newaxis]
    return to_dtype(warped, volume.dtype)


def _spline_coefficients(volume: np.ndarray) -> np.ndarray:
    """Float32 coefficients of the quadratic spline over frames, in the volume's shape."""
    from scipy.ndimage import spline_filter1d

    return spline_filter1d(volume, 2, axis=0, output=np.float32, mode="mirror")


def _quadratic_weights(offset: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Weights of the frames before, at and after the nearest one; offset is -0.5 to 0.5 from the nearest."""
    return [(-1, (0.5 - offset) ** 2 / 2), (0, 0.75 - offset**2), (1, (0.5 + offset) ** 2 / 2)]


def _contact_sheet(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All frames side by side in one image, so that `cv2.remap` can sample each pixel from a frame of its own.

    frames: (T, H, W, C) float32.
    Returns: the image; and the columns and the rows where the frames start, (T + 2,) float32, which indexes
    -1 and T continue by mirroring.
    """
    across = math.ceil(math.sqrt(len(frames)))
    height, width = (length + 2 * BORDER for length in frames.shape[1:3])
    sheet = np.zeros((math.ceil(len(frames) / across) * height, across * width, frames.shape[3]), np.float32)
    starts = [(index // across * height, index % across * width) for index in range(len(frames))]
    for frame, (top, left) in zip(frames, starts, strict=True):
        bordered = cv2.copyMakeBorder(frame, *[BORDER] * 4, cv2.BORDER_REFLECT_101)
        sheet[top : top + height, left : left + width] = bordered.reshape(height, width, -1)
    before_last, second = max(len(frames) - 2, 0), min(1, len(frames) - 1)
    top, left = np.array([*starts, starts[before_last], starts[second]], np.float32).T + np.float32(BORDER)
    return sheet, left, top
