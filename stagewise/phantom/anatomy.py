"""Where vessels run, and the outline drawn around the one that is asked about."""

from dataclasses import dataclass

import cv2
import numpy as np

from stagewise.phantom.appearance import PLAIN, Appearance

ARC_STEP = 0.5  # pixels of arc length between two points of a centreline
FRAME_MARGIN = 4  # pixels kept free at the border, so that small motion never leaves the frame


@dataclass(frozen=True)
class Vessel:
    """A tube around a centreline that lies in focus for a while.

    centreline: (N, 2) float32, x and y in pixels, `ARC_STEP` apart; radius: pixels; brightness: grey levels of
    its plasma in focus; focus_centre, focus_half_width: frames at which the middle of the vessel is in focus;
    tilt: frames by which the focus comes later per pixel of arc length.
    """

    centreline: np.ndarray
    radius: float
    brightness: float
    focus_centre: float
    focus_half_width: float
    tilt: float = 0.0
    beaded: bool = True

    @property
    def arc_lengths(self) -> np.ndarray:
        """(N,) float32, pixels along the centreline."""
        return np.arange(len(self.centreline), dtype=np.float32) * ARC_STEP


def random_centreline(
    rng: np.random.Generator, length: float, heading: float, tortuosity: float = PLAIN.tortuosity
) -> np.ndarray:
    """A smooth random curve around the origin.

    length: pixels of arc; heading: radians at its middle; tortuosity: factor of its bends. Returns (N, 2) float32,
    the middle of its bounding box at (0, 0).
    """
    count = max(round(length / ARC_STEP), 4)
    position = np.linspace(-1.0, 1.0, count)
    bend, sway, phase = rng.normal(0, 0.45 * tortuosity), rng.normal(0, 0.3 * tortuosity), rng.uniform(0, 2 * np.pi)
    headings = heading + bend * position + sway * np.sin(2.5 * position + phase)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * ARC_STEP
    points = np.cumsum(steps, axis=0)
    return (points - (points.min(axis=0) + points.max(axis=0)) / 2).astype(np.float32)


def outline_around(
    rng: np.random.Generator, centreline: np.ndarray, radius: float, look: Appearance = PLAIN
) -> np.ndarray:
    """A closed rounded polygon around a vessel, as a person with a wide brush would draw it.

    Its distance from the vessel's edge changes along the vessel, in the plain phantom within 5-15 px (as in the real
    frames). Returns (M, 2) float32, x and y in pixels, in the centreline's coordinates.
    """
    start, end = rng.uniform(*look.outline_distance, 2)
    # the drawn line's own half width is kept out of the distance
    reach = radius + look.outline_width / 2 + np.linspace(start, end, len(centreline))
    scale = 4
    origin = centreline.min(axis=0) - reach.max() - 2
    size = np.ceil((centreline.max(axis=0) - origin + reach.max() + 2) * scale).astype(int)
    mask = np.zeros((size[1], size[0]), np.uint8)
    chord = np.linspace(centreline[0], centreline[-1], len(centreline))
    for share in _slack_steps(look.outline_slack):
        for point, distance in zip((centreline + share * (chord - centreline))[::4], reach[::4], strict=True):
            x, y = np.round((point - origin) * scale).astype(int).tolist()
            cv2.circle(mask, (x, y), round(distance * scale), 255, -1)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)[:, 0].astype(np.float32)
    return _smoothed_loop(contour, width=6 * scale)[:: 2 * scale] / scale + origin


def _slack_steps(slack: float) -> np.ndarray:
    """How far from the vessel towards its chord the brush goes, in steps that leave no hole; 0 alone without slack."""
    return np.linspace(0, slack, 1 + int(np.ceil(slack * 10)))


def _smoothed_loop(points: np.ndarray, width: int) -> np.ndarray:
    kernel = np.hanning(2 * width + 1)[:, None]
    padded = np.concatenate([points[-width:], points, points[:width]])
    return cv2.filter2D(padded, -1, kernel / kernel.sum())[width:-width].astype(np.float32)


def outline_alpha(outline: np.ndarray, height: int, width: int, line: float = PLAIN.outline_width) -> np.ndarray:
    """The share of each pixel that the outline covers: (height, width) uint8, 255 is all of it. line: its width."""
    alpha = np.zeros((height, width), np.uint8)
    points = np.round(outline * 16).astype(np.int32)  # 4 fractional bits
    thickness = round(line) - 1  # antialiased lines of OpenCV come out about one pixel wider than asked
    cv2.polylines(alpha, [points], True, 255, thickness, cv2.LINE_AA, 4)
    return alpha


def tube_pixels(
    vessel: Vessel, height: int, width: int, look: Appearance = PLAIN
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels of a vessel, each with its place along it and how much of the tube it holds.

    Returns: flat pixel numbers (P,) int64, indices into the centreline (P,) int64, weights (P,) float32 of 0-1.
    """
    points = vessel.centreline
    tangents = np.gradient(points, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-6)
    normals = np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
    offsets = np.arange(0, vessel.radius + max(2, 4 * look.edge), 0.5)
    offsets = np.concatenate([offsets, -offsets[1:]])
    offsets = offsets[np.argsort(np.abs(offsets), kind="stable")]
    pixels = np.round(points[None] + offsets[:, None, None] * normals[None]).astype(np.int64).reshape(-1, 2)
    nearest = np.tile(np.arange(len(points)), len(offsets))
    x, y = pixels[:, 0], pixels[:, 1]
    inside = (x >= FRAME_MARGIN) & (x < width - FRAME_MARGIN) & (y >= FRAME_MARGIN) & (y < height - FRAME_MARGIN)
    pixels, nearest = pixels[inside], nearest[inside]
    # the samples are in order of distance: a pixel's first one is its nearest point of the centreline
    numbers, first = np.unique(pixels[:, 1] * width + pixels[:, 0], return_index=True)
    gap = pixels[first] - points[nearest[first]]
    distance = np.abs((gap * normals[nearest[first]]).sum(axis=1))
    along = (gap * tangents[nearest[first]]).sum(axis=1) / ARC_STEP
    if look.bow:
        along -= look.bow / ARC_STEP * np.minimum(distance / vessel.radius, 1) ** 2
    places = np.clip(np.round(nearest[first] + along), 0, len(points) - 1).astype(np.int64)
    weights = 1 / (1 + np.exp((distance - vessel.radius) / look.edge))
    return numbers, places, weights.astype(np.float32)
