"""The microscope: haze, defocused vessels, shot noise along scan lines, and brightness that flickers."""

import functools
from collections.abc import Iterable, Sequence
from statistics import NormalDist

import cv2
import numpy as np

from stagewise.phantom.anatomy import Vessel
from stagewise.phantom.appearance import PLAIN, Appearance

HAZE_SCALE = 4  # haze is smooth: it is made at a quarter of the frame's size
BLACK, WHITE = 16, 235  # the luma range of video
GRAIN_STEP = 0.2  # pixels: grains are rounded to it, as a bank of each takes memory and a while to make


@functools.lru_cache(maxsize=8)
def noise_bank(seed: int, grain: float = PLAIN.grain) -> np.ndarray:
    """Quantiles of noise, neighbours on a scan line alike: (1024, 1280) uint16, the quantile's number times 256.

    grain: pixels along the line. Made once a process for each grain; a frame takes a window of it at a random place.
    """
    rng = np.random.default_rng([seed, 1])
    noise = rng.standard_normal((1024, 1280), dtype=np.float32)
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / (2 * grain**2)).astype(np.float32)[None]
    noise = cv2.filter2D(noise, -1, kernel / np.sqrt((kernel**2).sum()))
    edges = np.array([NormalDist().inv_cdf(level / 256) for level in range(1, 256)], np.float32)
    return np.searchsorted(edges, noise).astype(np.uint16) << 8


def noise_table(gain: float, look: Appearance = PLAIN) -> np.ndarray:
    """What the detector shows for a signal and a quantile of noise.

    gain: grey levels a photon; the variance is gain x signal, plus that of the read-out. Returns (65536,)
    uint8 luma, indexed by quantile x 256 + signal: the gamma distribution's quantiles by Wilson and
    Hilferty's cube (Proc. Natl. Acad. Sci. 17, 1931).
    """
    normal = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)])[:, None]
    signal = np.maximum(np.arange(256.0), 0.5)[None]
    shape = signal**2 / (gain * signal + look.read_noise**2)
    cube_root = 1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape))
    grey = _shown(np.clip(signal * np.maximum(cube_root, 0) ** 3, 0, 255), look)
    return np.round(BLACK + grey * ((WHITE - BLACK) / 255)).astype(np.uint8).ravel()


def _shown(grey: np.ndarray, look: Appearance) -> np.ndarray:
    """Grey levels of 0-255 after black level, gamma, and the steps of so many bits."""
    if look.black:
        grey = np.maximum(grey - look.black, 0) * (255 / (255 - look.black))
    if look.gamma != 1:
        grey = 255 * (grey / 255) ** look.gamma
    if look.bits < 8:
        steps = round(2**look.bits) - 1
        grey = np.round(grey * (steps / 255)) * (255 / steps)
    return grey


def haze_layers(
    rng: np.random.Generator,
    vessels: Sequence[Vessel],
    size: tuple[int, int, int],
    level: float,
    look: Appearance = PLAIN,
) -> np.ndarray:
    """The unsharp background at depths eight frames apart: clouds, shading, and vessels out of focus.

    size: frames, height, width; level: grey levels of the background. Returns (layers, height / 4, width / 4) uint8.
    """
    frames, height, width = size
    low_height, low_width = -(-height // HAZE_SCALE), -(-width // HAZE_SCALE)
    count = -(-frames // 8) + 1
    clouds = rng.uniform(0.3, 1.0, (count, 4, 5)).astype(np.float32)
    shading = rng.uniform(0.5, 1.3, (3, 3)).astype(np.float32)
    shading = cv2.resize(shading, (low_width, low_height), interpolation=cv2.INTER_CUBIC)
    layers = np.zeros((count, low_height, low_width), np.uint8)
    for layer, cloud in zip(range(count), clouds, strict=True):
        cloudy = cv2.resize(cloud, (low_width, low_height), interpolation=cv2.INTER_CUBIC)
        halos = _halos(vessels, layer * 8, low_height, low_width, look)
        layers[layer] = np.clip(cloudy * shading * level + halos, 0, 255)
    return layers


def _halos(vessels: Sequence[Vessel], frame: int, height: int, width: int, look: Appearance) -> np.ndarray:
    glow = np.zeros((height, width), np.float32)
    for vessel in vessels:
        distance = abs(frame - vessel.focus_centre) / vessel.focus_half_width
        strength = look.halo * vessel.brightness * np.exp(-0.5 * (distance / look.halo_reach) ** 2)
        if strength > 1:
            points = np.round(vessel.centreline[::4] / HAZE_SCALE * 8).astype(np.int32)
            thickness = max(1, round(2 * vessel.radius / HAZE_SCALE))
            cv2.polylines(glow, [points], False, float(strength), thickness, cv2.LINE_8, 3)
    return cv2.GaussianBlur(glow, (0, 0), 1.2)


class Microscope:
    """Makes luma frames out of haze layers, sharp pixels and noise; its buffers are used again for each frame."""

    def __init__(
        self, seed: int, layers: np.ndarray, gain: float, height: int, width: int, look: Appearance = PLAIN
    ) -> None:
        grain = round(look.grain / GRAIN_STEP) * GRAIN_STEP
        self.layers, self.bank, self.table = layers, noise_bank(seed, grain), noise_table(gain, look)
        self.height, self.width, self.line_noise = height, width, look.line_noise
        self.index = np.empty((height, width), np.uint16)

    def frame(
        self, rng: np.random.Generator, number: int, sharp: Iterable[tuple[np.ndarray, np.ndarray]], brightness: float
    ) -> np.ndarray:
        """One frame: (height, width) uint8 luma.

        number: of the frame; sharp: flat numbers of pixels, each once, and grey levels added there, for the vessels
        and for those that cross them; brightness: the factor of this frame's flicker.
        """
        layer, share = divmod(number, 8)
        following = min(layer + 1, len(self.layers) - 1)
        share = share / 8
        low = cv2.addWeighted(
            self.layers[layer], brightness * (1 - share), self.layers[following], brightness * share, 0
        )
        signal = cv2.resize(low, None, fx=HAZE_SCALE, fy=HAZE_SCALE)[: self.height, : self.width]
        signal = np.ascontiguousarray(signal)
        flat = signal.reshape(-1)
        for pixels, values in sharp:
            brighter = np.minimum(flat[pixels] + values, 255)
            flat[pixels] = brighter.astype(np.uint8)  # cast while scattered takes 3 times as long
        if self.line_noise:
            signal = self._with_line_noise(rng, signal)
        y = rng.integers(self.bank.shape[0] - self.height)
        x = rng.integers(self.bank.shape[1] - self.width)
        np.add(self.bank[y : y + self.height, x : x + self.width], signal, out=self.index)
        return cv2.LUT(self.index, self.table)

    def _with_line_noise(self, rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
        """Each line up to two deviations darker or brighter, and all two brighter, as there is no light below 0."""
        lines = self.line_noise * (2 + np.clip(rng.standard_normal((self.height, 1)), -2, 2))
        return np.minimum(signal, 255 - round(4 * self.line_noise)) + np.round(lines).astype(np.uint8)
