"""What a clip looks like, none of which answers the question: the same for every clip, or drawn anew for each."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal

import numpy as np

Half = Literal["lower", "upper"]
Pair = tuple[float, float]  # lowest and highest; a clip draws evenly between them


@dataclass(frozen=True)
class Appearance:
    """How a clip is drawn, moved, seen, and written. The values here are the plain phantom's.

    Lengths are pixels, times frames, light grey levels of 0-255, unless a field's line says otherwise.
    """

    radius: Pair = (2.2, 4.2)  # of the target
    neighbour_radius: Pair = (1.8, 4.2)
    shortest: float = 14.0  # length of a target
    tortuosity: float = 1.0  # factor of how much a vessel bends and sways
    brightness: Pair = (130.0, 220.0)  # of the target's plasma in focus
    crossings: float = 0.0  # vessels that run across the target while it is in focus, on average

    plasma: Pair = (4.0, 11.0)  # length between two gaps
    gap: Pair = (3.0, 6.5)  # length
    gap_light: Pair = (0.05, 0.2)  # share of the plasma's light that is left in a gap
    gap_edge: float = 1.0  # over which a gap grows dark
    bow: float = 0.0  # by which a gap lies further back at the vessel's edge than in its middle

    speed: Pair = (1.5, 3.5)  # of the target's red cells, pixels a frame
    neighbour_speed: Pair = (1.0, 4.0)
    pulse: float = 0.15  # deviation of the speed from frame to frame, as a share of it
    surge: float = 0.0  # share by which the speed swells and ebbs
    jitter: float = 0.2  # deviation of the red cells' place, which a stall has, too
    drift: float = 0.25  # deviation of the tissue's step from frame to frame
    reach: int = 2  # farthest that the tissue moves

    focus_share: Pair = (0.4, 0.8)  # of the frames, in which the target is in focus
    edge: float = 0.45  # over which a vessel's side grows dark
    halo: float = 0.35  # light of a vessel out of focus, as a share of its light in focus
    halo_reach: float = 1.6  # how long a halo is seen, in half widths of the focus

    haze: Pair = (32.0, 56.0)  # of a project
    gain: Pair = (18.0, 30.0)  # of a project: grey levels a photon, the strength of shot noise
    between_clips: Pair = (0.8, 1.2)  # factor of haze and gain, which clips of a project differ by
    read_noise: float = 2.0  # deviation
    line_noise: float = 0.0  # deviation of a scan line's light
    grain: float = 0.8  # deviation of what blurs the noise along a scan line
    flicker: float = 0.05  # deviation of a frame's light, as a share of it
    black: float = 0.0  # light that is shown as black
    gamma: float = 1.0
    bits: float = 8.0  # of a grey level

    outline_width: float = 3.0  # as in the real frames
    outline_colour: tuple[int, int, int] = (131, 71, 189)  # BGR (20, 106, 232), the real orange, as luma, blue, red
    outline_distance: Pair = (5.5, 14.5)  # from the vessel's side
    outline_slack: float = 0.0  # share of a vessel's bend that its outline cuts short
    frames_a_second: int = 20
    quantiser: int = 32  # x264's qp


PLAIN = Appearance()
BLUE = 40  # of every drawn outline: green and red alone change its hue and light


@dataclass(frozen=True)
class Range:
    """Between what a clip draws a number: evenly, or evenly in its logarithm."""

    low: float
    high: float
    geometric: bool = False

    def draw(self, rng: np.random.Generator, half: Half | None) -> float:
        """A number of the whole range, or of a half that shares no number with the other."""
        place = rng.random()
        if half:
            place = (place + (half == "upper")) / 2
        if self.geometric:
            return float(self.low * (self.high / self.low) ** place)
        return float(self.low + (self.high - self.low) * place)


# ours: around what the real frames show, and from as easy as the plain phantom on, so that nets find the motion, and
# nothing else that all clips share. Whole numbers (frames a second, outline width, quantiser) and grains, of which
# there are a few, have no value in both halves: their ranges' middles lie between two
RANGES = {
    "radius": Range(1.8, 5.2),  # the widest show no single red cell in real frames
    "neighbour_width": Range(0.6, 1.4),  # of the target's width
    "tortuosity": Range(0.3, 1.6),
    "brightness": Range(115, 240),
    "crossings": Range(0.0, 1.7),  # real outlines surround one vessel, or three
    "spacing": Range(8.0, 18.0),  # pixels from gap to gap: red cells lie close, or far apart
    "irregularity": Range(0.1, 0.5),  # of plasma and gaps; the lowest nearly repeat
    "gap_share": Range(0.3, 0.52),  # of the spacing
    "gap_light": Range(0.05, 0.36),
    "gap_edge": Range(0.5, 2.3),
    "bow": Range(0.0, 1.5),  # cells are bent where the flow is fast in the middle
    "flow": Range(13, 50, geometric=True),  # pixels a second
    "neighbour_flow": Range(0.5, 2.0, geometric=True),  # of the target's
    "frames_a_second": Range(12, 25),
    "pulse": Range(0.05, 0.3),
    "surge": Range(0.0, 0.4),
    "jitter": Range(0.05, 0.3),
    "drift": Range(0.1, 0.45),
    "focus_share": Range(0.22, 0.62),  # the real montage shows its vessel for a third of the frames
    "edge": Range(0.3, 0.9),
    "halo": Range(0.1, 0.45),
    "halo_reach": Range(1.2, 2.2),
    "haze": Range(12, 65),
    "gain": Range(14, 70, geometric=True),  # at 60, noise is as strong as a vessel of 60
    "read_noise": Range(2, 14),
    "line_noise": Range(0.0, 7.0),
    "grain": Range(0.2, 1.2),
    "flicker": Range(0.01, 0.12),
    "black": Range(0, 24),  # much of a real frame is cut off as black
    "gamma": Range(0.65, 1.5, geometric=True),
    "bits": Range(4.5, 8.0),
    "outline_width": Range(3.0, 6.0),
    "outline_green": Range(75, 120),  # red to yellow
    "outline_red": Range(195, 250),
    "outline_distance": Range(5.5, 14.5),
    "outline_slack": Range(0.0, 0.7),
    "quantiser": Range(24, 37),
}

# these are one number in an appearance, too
AS_DRAWN = [name for name in RANGES if isinstance(getattr(PLAIN, name, None), float)]


def drawn(seed: int, index: int, half: Half | None = None) -> dict[str, float]:
    """What a clip draws: a number of each of `RANGES`, or of a half of each; independent of its label."""
    rng = np.random.default_rng([seed, 7, index])
    return {name: limits.draw(rng, half) for name, limits in RANGES.items()}


def varied(numbers: dict[str, float]) -> Appearance:
    """The appearance of a clip that drew these numbers, one of each of `RANGES`."""
    n = SimpleNamespace(**numbers)
    rate, gap = round(n.frames_a_second), n.spacing * n.gap_share
    speed, neighbour_radius = n.flow / rate, n.radius * n.neighbour_width
    return Appearance(
        radius=_around(n.radius),
        neighbour_radius=_around(neighbour_radius, 0.2),
        shortest=2.5 * n.spacing,  # at least two gaps lie in it
        brightness=_around(n.brightness),
        plasma=_around(n.spacing - gap, n.irregularity),
        gap=_around(gap, n.irregularity),
        gap_light=_around(n.gap_light),
        speed=_around(speed),
        neighbour_speed=_around(speed * n.neighbour_flow, 0.4),
        reach=4,
        focus_share=_around(n.focus_share),
        haze=_around(n.haze),
        gain=_around(n.gain),
        between_clips=(1.0, 1.0),
        outline_colour=video_colour(n.outline_red, n.outline_green, BLUE),
        outline_distance=_around(n.outline_distance, 0.15),
        frames_a_second=rate,
        quantiser=round(n.quantiser),
        **{name: numbers[name] for name in AS_DRAWN},
    )


def _around(middle: float, spread: float = 0.0) -> Pair:
    return middle * (1 - spread), middle * (1 + spread)


def video_colour(red: float, green: float, blue: float) -> tuple[int, int, int]:
    """Luma, blue and red chroma of video range for a colour of 0-255 (ITU-R BT.601)."""
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    blue_chroma = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    red_chroma = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    return round(luma), round(blue_chroma), round(red_chroma)
