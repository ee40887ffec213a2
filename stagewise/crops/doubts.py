"""Whether the box around all orange pixels is the box of an outline, and what to do where that is in doubt.

One look at how often each pixel was orange clears nearly every video. Only where that leaves a doubt the outline is
looked for in every frame.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stagewise.crops.filmstrip import Box
from stagewise.crops.outline import COLOUR, SMALLEST_SIDE, Ring, Walls, box_around, intersection, outlines, union

# ours, of a box's height or width: up to here it may be larger than the outline alone, by what coding adds
TOLERANCE = 0.1
# ours, of the frames: what is seen in no more of them is left out; an outline that moves evenly across a clip stays
# within a tenth of its box without the first and last twentieth
RARE = 0.05
FEWEST = 4  # ours, frames: in a shorter video no frame is rare
# ours, pixels beyond the area that an outline surrounds: 1 to 9 in real frames, 4 to 6 in phantom clips; more is a
# pointed outline, or something else that is orange and touches it
WIDEST_LINE = 12
SMALLEST_CUT = 20  # ours, pixels: of an outline among other orange pixels; letters are smaller
LARGEST_SHARE = 0.5  # ours, of the frame: the largest real crop, 335x448, has 0.76, the mean 0.02


@dataclass(frozen=True)
class View:
    """What the masks show: a window of frames of this height and width, pixels."""

    window: Box
    height: int
    width: int

    @property
    def walls(self) -> Walls:
        """Which of the window's sides are the frame's."""
        y0, x0, y1, x1 = self.window
        return y0 == 0, x0 == 0, y1 == self.height, x1 == self.width


@dataclass(frozen=True)
class Judgement:
    """Frames of the video; a box within the masks, None where none is to be trusted; why it is in doubt, else blank."""

    frames: int
    box: Box | None
    frames_with_outline: int
    reason: str = ""


class _Place:
    """Where an outline was: its boxes in the frames, each of which meets the ones before."""

    def __init__(self) -> None:
        self.around: Box | None = None
        self.boxes: list[Box] = []

    def add(self, box: Box) -> None:
        self.around = union(self.around, box)
        self.boxes.append(box)

    def box(self) -> Box:
        """Around all boxes; where a few frames alone make it larger by more than the tolerance, without these."""
        places, few = np.sort(np.array(self.boxes), axis=0), _rare(len(self.boxes))
        mostly = (*places[few, :2].tolist(), *places[-1 - few, 2:].tolist())
        return self.around if _nearly(mostly, self.around) else mostly


def _rare(frames: int) -> int:
    """Of so many frames, up to how many are few."""
    return max(int(RARE * frames), int(frames >= FEWEST))


def judge(masks: Callable[[], Iterable[np.ndarray]], view: View | None) -> Judgement:
    """Find the box of a video's outline.

    masks: gives the video's (h, w) uint8 masks of orange pixels, 255 or 0, all of them at each call; view: None where
    they show whole frames.
    """
    length, seen, counts = _count(masks())
    box = box_around((counts > 0).astype(np.uint8)) if seen else None
    if reason := _too_little(length, seen, box):
        return Judgement(length, None, seen, reason)
    view = view or View((0, 0, *counts.shape), *counts.shape)
    found, rings = Judgement(length, box, seen), _lasting(counts, seen, view.walls)
    if not (len(rings) == 1 and _nearly(rings[0].box, box)):
        alone = _followed(masks(), length, view.walls)
        if alone.box is None or not _nearly(alone.box, box):
            found = alone
    return _told(found, box, rings, view)


def _too_little(length: int, seen: int, box: Box | None) -> str:
    """Why so few orange pixels are no outline; blank where they may be one."""
    if box is None:
        problem = f"no outline in any of its {length} frames"
    elif 2 * seen < length:
        problem = f"an outline in {seen} of its {length} frames alone"
    elif min(_size(box)) < SMALLEST_SIDE:
        problem = f"its orange pixels span {_shown(box)}, no outline"
    else:
        return ""
    return f"{problem}; looked for {COLOUR}"


def _count(masks: Iterable[np.ndarray]) -> tuple[int, int, np.ndarray | None]:
    """How many masks there are, in how many is a pixel, and in how many is each pixel: 255 times that, float32."""
    length, seen, counts = 0, 0, None
    for mask in masks:
        counts = np.zeros(mask.shape, np.float32) if counts is None else counts
        length += 1
        if cv2.hasNonZero(mask):
            seen += 1
            cv2.accumulate(mask, counts)
    return length, seen, counts


def _lasting(counts: np.ndarray, seen: int, walls: Walls) -> list[Ring]:
    """The closed lines in what is orange in more than a few frames."""
    return outlines((counts > 255 * _rare(seen)).astype(np.uint8), walls)


def _followed(masks: Iterable[np.ndarray], length: int, walls: Walls) -> Judgement:
    """Look for the outline in every frame."""
    places, crowded = [], 0
    for mask in masks:
        found = outlines(mask, walls)
        crowded += len(found) > 1
        if len(found) == 1:
            box = found[0].box
            near = next((place for place in places if intersection(place.around, box)), None)
            if near is None:
                places.append(near := _Place())
            near.add(box)
    places = [place for place in places if len(place.boxes) > _rare(length)]
    frames = max((len(place.boxes) for place in places), default=0)
    if crowded > _rare(length):
        reason = f"its orange lines surround more than one area in {crowded} of its {length} frames"
    elif len(places) > 1:
        reason = f"its outline is at {len(places)} places, one after the other"
    elif 2 * frames < length:
        reason = f"its orange pixels surround an area in {frames or 'none'} of its {length} frames, so they are no "
        reason += f"closed outline; looked for {COLOUR}"
    else:
        return Judgement(length, places[0].box(), frames)
    return Judgement(length, None, frames, reason)


def _told(found: Judgement, box: Box, rings: list[Ring], view: View) -> Judgement:
    """The same with the reason of what doubt there was. box: around all orange pixels; rings: the lasting lines."""
    if found.box is None:
        return found
    if found.box != box and min(_size(found.box)) < SMALLEST_CUT:
        reason = f"its orange pixels span {_shown(box)}, the one closed line in them {_shown(found.box)}, as a letter's"
        return replace(found, box=None, reason=reason)
    reasons = []
    if found.box != box:
        reasons.append(f"cut by its outline alone, {_shown(found.box)}; all orange pixels span {_shown(box)}")
    if len(rings) == 1 and (beyond := _beyond(found.box, rings[0].hole)):
        reasons.append(f"it reaches {beyond} pixels beyond the area that the outline surrounds")
    share = np.prod(_size(found.box)) / (view.height * view.width)
    if share > LARGEST_SHARE:
        reasons.append(f"its outline spans {share:.0%} of the frame")
    return replace(found, reason="; ".join(reasons))


def _beyond(box: Box, hole: Box) -> int:
    """How far a box reaches beyond the area inside, pixels, where that is more than a line and the tolerance; or 0."""
    allowed = [WIDEST_LINE + TOLERANCE * size for size in _size(box)] * 2
    reach = (hole[0] - box[0], hole[1] - box[1], box[2] - hole[2], box[3] - hole[3])
    return max(pixels if pixels > most else 0 for pixels, most in zip(reach, allowed, strict=True))


def _size(box: Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _nearly(inner: Box, outer: Box) -> bool:
    """Whether a box has the height and width of one around it, but for the tolerance."""
    return all(have >= (1 - TOLERANCE) * whole for have, whole in zip(_size(inner), _size(outer), strict=True))


def _shown(box: Box) -> str:
    height, width = _size(box)
    return f"{height}x{width} pixels"
