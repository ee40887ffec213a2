"""Probabilities of an image's pixels on disk: a grey PNG of 16 bits, in steps of 1/65,000.

A probability is rounded up to a step, by 1.6e-5 at most, so that one at or below a threshold of at most three decimals
stays there and one above it does, too: masks of what is on disk are those of what the nets said, to the pixel.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.volumes.grey_png import NotAnImageError, grey_png, read_grey

STEPS = 65_000  # of the 65,535 that there are: a multiple of 1,000, so that thresholds are steps themselves
LEVELS = (np.arange(STEPS + 1) / STEPS).astype(np.float32)


def save_probabilities(path: Path, probabilities: np.ndarray) -> None:
    """Write one image, whole or not at all. probabilities: (H, W) float32, 0-1; ValueError for another array."""
    if probabilities.ndim != 2 or probabilities.dtype != np.float32:
        raise ValueError(f"{probabilities.dtype} {probabilities.shape} are no probabilities: (H, W) float32")
    if not (probabilities.min() >= 0 and probabilities.max() <= 1):  # as none is NaN
        raise ValueError("probabilities are not all of 0-1")
    with paths.replacing(path) as temporary:
        steps = np.searchsorted(LEVELS, probabilities, side="left")  # the first that is no less
        temporary.write_bytes(grey_png(steps.astype(np.uint16)))


def load_probabilities(path: Path, mend: str) -> np.ndarray:
    """One image: (H, W) float32, 0-1. Raises InputError where it is missing or damaged, ending with `mend`."""
    try:
        steps = read_grey(path, 16)
        if steps.max() > STEPS:
            raise NotAnImageError(f"holds {steps.max()}, where {STEPS} is a probability of 1")
        return LEVELS[steps]
    except FileNotFoundError:
        problem = "is not there"
    except NotAnImageError as error:
        problem = str(error)
    raise InputError(f"probabilities {paths.shown(path)}: {problem}; {mend}")


def probabilities_of(folder: Path, names: Sequence[str], mend: str) -> Iterator[np.ndarray]:
    """The images of these names, one at a time, in their order: (H, W) float32.

    Raises InputError before the first one where any is missing, and at one that is damaged.
    """
    missing = [name for name in names if not image_in(folder, name).exists()]
    if missing:
        others = f" nor those of {len(missing) - 1} more images" if len(missing) > 1 else ""
        raise InputError(f"no probabilities {paths.shown(image_in(folder, missing[0]))}{others}; {mend}")
    return (load_probabilities(image_in(folder, name), mend) for name in names)


def image_in(folder: Path, name: str) -> Path:
    """Where the probabilities of one image are."""
    return folder / f"{name}.png"
