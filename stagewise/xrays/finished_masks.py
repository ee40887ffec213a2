"""From X-rays' probabilities to the masks that are submitted, one at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from stagewise.recipes.blends import Blend
from stagewise.recipes.mask_rules import FULL_SIDE, MaskRule
from stagewise.volumes.probability_images import probabilities_of

INSIDE, HALF = 255, 127


def finished_mask(
    probabilities: np.ndarray, rule: MaskRule, least_outline: int | None = None, side: int = FULL_SIDE
) -> np.ndarray:
    """The mask by the rule, small outlines removed, at full size: (side, side) bool.

    probabilities: (H, W) float32; least_outline: see `without_small_outlines`, None: nothing is removed.
    """
    mask = rule.mask(probabilities)
    if least_outline is not None:
        mask = without_small_outlines(mask, least_outline)
    return at_full_size(mask, side)


def without_small_outlines(mask: np.ndarray, area: int) -> np.ndarray:
    """The mask drawn again from those of its outlines whose polygon is larger than an area; a hole has one, too.

    So small patches go and small holes close. A polygon runs through the centres of the outermost pixels, of a hole
    through those around it: a square of 3x3 pixels has 4, a line 0, one of 11x11 just 100.
    mask: (H, W) bool; area: pixels of an image of `FULL_SIDE`, scaled to this one. Returns: (H, W) bool.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    least = area * mask.size / FULL_SIDE**2
    kept = [outline for outline in outlines if cv2.contourArea(outline) > least]
    # all at once: inside of an odd number of outlines, so that a hole whose outline is kept stays open
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), kept, -1, INSIDE, thickness=cv2.FILLED) > 0


def at_full_size(mask: np.ndarray, side: int = FULL_SIDE) -> np.ndarray:
    """The mask of a net's size at the image's: bilinear between 0 and 255, inside above 127.

    mask: (H, W) bool. Returns: (side, side) bool.
    """
    if mask.shape == (side, side):
        return mask
    grey = mask.astype(np.uint8) * INSIDE
    return cv2.resize(grey, (side, side), interpolation=cv2.INTER_LINEAR) > HALF


def blended(
    blend: Blend, folders: Mapping[str, Path], names: Sequence[str], mend: Mapping[str, str]
) -> Iterator[np.ndarray]:
    """The blend of several nets' probabilities, an image at a time, in the order of their names: (H, W) float32.

    folders: of the probabilities, by experiment; mend: what makes them, by experiment. Raises InputError before the
    first image where one of a net is missing, ValueError where the experiments are not those of the blend.
    """
    if folders.keys() != blend.weights.keys():
        raise ValueError(f"a blend of {', '.join(blend.weights)} cannot be made of {', '.join(folders)}")
    parts = [probabilities_of(folder, names, mend[experiment]) for experiment, folder in folders.items()]
    return (blend.of(dict(zip(folders, images, strict=True))) for images in zip(*parts, strict=True))
