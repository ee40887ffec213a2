"""Transforms that bend or move the image plane, every frame alike; those of albumentations 0.4.6, pixel for pixel."""

import math
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from stagewise.augment.plane_maps import MIRRORED, PlaneWarp, affine_places, grid_places
from stagewise.augment.transform import Params, check_number, check_probability, check_range
from stagewise.messages.errors import InputError


@dataclass(frozen=True)
class ElasticPlanes(PlaneWarp):
    """Move three anchor points, and so the plane by an affine map; then shift each pixel by a smooth random field.

    The anchors are corners of the centre square whose sides are twice a third of the plane's shorter side; each
    coordinate moves by U(-`anchor`, `anchor`) pixels. The field, one for columns and one for rows, is U(-1, 1) for
    each pixel, smoothed by a Gaussian of `sigma` pixels, times `strength`. Both passes are bilinear and mirrored at
    the border. As ElasticTransform of albumentations 0.4.6 on square planes, but for its 10,001 seeds.
    """

    strength: float
    sigma: float
    anchor: float
    p: float

    def __post_init__(self) -> None:
        check_number(self, "strength", self.strength, 0, 10000)
        check_number(self, "sigma", self.sigma, 0.1, 1000)
        check_number(self, "anchor", self.anchor, 0, 1000)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The `anchors`' shifts (x, y) in pixels, and the `seed` of the field."""
        anchors = rng.uniform(-self.anchor, self.anchor, (3, 2))
        return {"anchors": anchors.tolist(), "seed": int(rng.integers(2**63))}

    def passes(self, height: int, width: int, params: Params) -> tuple[np.ndarray, ...]:
        """The affine map's, and the field's."""
        to_source = cv2.invertAffineTransform(_anchored(params["anchors"], height, width))
        noise = np.random.default_rng(params["seed"]).random((2, height, width))
        rows, columns = np.ogrid[:height, :width]
        across, down = self.fields(noise)
        return affine_places(to_source, height, width), grid_places(columns + across, rows + down)

    def fields(self, noise: np.ndarray) -> np.ndarray:
        """Shifts in pixels, (2, H, W) float32, columns first, out of noise of 0 to 1, (2, H, W) float64."""
        radius = int(4 * self.sigma + 0.5)  # the kernel ends here, as in scipy.ndimage.gaussian_filter
        kernel = cv2.getGaussianKernel(2 * radius + 1, self.sigma)
        smooth = [
            cv2.sepFilter2D(field, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT) for field in noise * 2 - 1
        ]
        return np.float32(np.stack(smooth) * self.strength)


def _anchored(shifts: list[list[float]], height: int, width: int) -> np.ndarray:
    """The affine map (2, 3) that moves the anchor points by their shifts in pixels."""
    centre, reach = np.float32([width // 2, height // 2]), max(min(height, width) // 3, 1)
    anchors = centre + np.float32([[reach, reach], [reach, -reach], [-reach, -reach]])
    return cv2.getAffineTransform(anchors, anchors + np.float32(shifts))


@dataclass(frozen=True)
class GridDistortion(PlaneWarp):
    """Stretch columns and rows of a grid of `cells` x `cells`, each by 1 + U(`stretch`), bilinear.

    The cells are laid end to end from the top left, so that the far edge moves by the sum of all stretches; what it
    passes is mirrored. Pixels that are left over by `cells` are a further cell that ends at the plane's length. As
    GridDistortion of albumentations 0.4.6: both ends of a cell are sampled, so the pixel at a seam comes twice.
    """

    cells: int
    stretch: tuple[float, float]
    p: float

    def __post_init__(self) -> None:
        if self.cells != int(self.cells) or self.cells < 1:
            raise InputError(f"GridDistortion: cells must be a whole number above 0, found {self.cells}")
        check_range(self, "stretch", self.stretch, -0.99, 10)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """The factors of the `columns` and of the `rows`: one for each cell, and one for what is left over."""
        columns, rows = 1 + rng.uniform(*self.stretch, (2, self.cells + 1))
        return {"columns": columns.tolist(), "rows": rows.tolist()}

    def passes(self, height: int, width: int, params: Params) -> tuple[np.ndarray, ...]:
        """Those of the stretched grid."""
        columns = self._stretched(params["columns"], width)
        rows = self._stretched(params["rows"], height)
        return (grid_places(columns, rows[:, np.newaxis]),)

    def _stretched(self, factors: list[float], length: int) -> np.ndarray:
        """Where the samples of an axis are taken from, (length,) float32 pixels."""
        cell = max(length // self.cells, 1)  # ours: an axis shorter than the grid is not folded to one pixel
        places, begin = np.zeros(length, np.float32), 0.0
        for start, factor in zip(range(0, length, cell), factors, strict=False):
            stop = start + cell
            end = begin + cell * factor
            if stop > length:
                stop, end = length, float(length)
            places[start:stop] = np.linspace(begin, end, stop - start)
            begin = end
        return places


@dataclass(frozen=True)
class OpticalDistortion(PlaneWarp):
    """Barrel or pincushion distortion, moved by whole pixels, bilinear.

    With u = (x - (W - 1) / 2) / W, v likewise and r^2 = u^2 + v^2, the source is x = W u (1 + k r^2 + k r^4) + W / 2 +
    dx; k is U(`bend`), dx and dy are U(-`shift`, `shift`) rounded. Below k = -0.36 the outer ring shows parts twice.
    As OpticalDistortion of albumentations 0.4.6 (OpenCV's initUndistortRectifyMap).
    """

    bend: tuple[float, float]
    shift: float
    p: float

    def __post_init__(self) -> None:
        check_range(self, "bend", self.bend, -10, 10)
        check_number(self, "shift", self.shift, 0, 1000)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`bend` k, and the `shift` (dx, dy) in pixels."""
        bend = float(rng.uniform(*self.bend))
        return {"bend": bend, "shift": np.rint(rng.uniform(-self.shift, self.shift, 2)).astype(int).tolist()}

    def passes(self, height: int, width: int, params: Params) -> tuple[np.ndarray, ...]:
        """Those of the lens."""
        rows, columns = np.ogrid[:height, :width]
        u, v = (columns - (width - 1) / 2) / width, (rows - (height - 1) / 2) / height
        squared = u * u + v * v
        radial = 1 + params["bend"] * (squared + squared * squared)
        across, down = params["shift"]
        return (grid_places(width * (u * radial + 0.5) + across, height * (v * radial + 0.5) + down),)


@dataclass(frozen=True)
class ShiftScaleRotate(PlaneWarp):
    """Rotate and scale about (W / 2, H / 2), then shift, in one bilinear pass; 0 outside.

    U(`degrees`) counterclockwise, U(`scale`) times as large, and U(-`shift`, `shift`) of the width and of the
    height, drawn apart. As ShiftScaleRotate of albumentations 0.4.6 with a constant border.
    """

    degrees: tuple[float, float]
    scale: tuple[float, float]
    shift: float
    p: float
    border: ClassVar[int] = cv2.BORDER_CONSTANT

    def __post_init__(self) -> None:
        check_range(self, "degrees", self.degrees, -180, 180)
        check_range(self, "scale", self.scale, 0.01, 100)
        check_number(self, "shift", self.shift, 0, 10)
        check_probability(self)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """`degrees`, `scale`, and the `shift` (x, y) as shares of the sides."""
        degrees, scale = float(rng.uniform(*self.degrees)), float(rng.uniform(*self.scale))
        return {"degrees": degrees, "scale": scale, "shift": rng.uniform(-self.shift, self.shift, 2).tolist()}

    def passes(self, height: int, width: int, params: Params) -> tuple[np.ndarray, ...]:
        """Those of the affine map."""
        angle, (across, down) = math.radians(params["degrees"]), params["shift"]
        cosine, sine = params["scale"] * math.cos(angle), params["scale"] * math.sin(angle)
        linear = np.array([[cosine, sine], [-sine, cosine]])
        centre = np.array([width / 2, height / 2])
        moved = centre - linear @ centre + [across * width, down * height]
        to_source = cv2.invertAffineTransform(np.column_stack([linear, moved]))
        return (affine_places(to_source, height, width),)


@dataclass(frozen=True)
class MirroredShiftScaleRotate(ShiftScaleRotate):
    """The same, mirrored at the border: as ShiftScaleRotate of albumentations 0.3.1 and 0.4.6 by default."""

    border: ClassVar[int] = MIRRORED
