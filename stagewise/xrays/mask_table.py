"""The table of outlined pneumothoraces: ImageId, EncodedPixels, a row an object, "-1" for an image without one.

What can be read in one way alone is read, as in all tables; beside it, a suffix .dcm or .png of an image's name is left
out. A row that is no mask is its image's fault alone, and told when that image is asked for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.data.columns import line_of
from stagewise.data.tables import read_table
from stagewise.files import paths
from stagewise.messages.commands import MAKE_XRAYS
from stagewise.volumes.run_lengths import EMPTY, RunLengthError, decoded
from stagewise.xrays.image_names import image_names

NAME, RUNS = "ImageId", "EncodedPixels"
TABLE_MEND = f"put the competition's own table there, or correct this one, or run: {MAKE_XRAYS}"


class MaskRowsError(ValueError):
    """Rows that are no mask of their image; the message names table, lines and what is wrong."""


@dataclass(frozen=True)
class Outlines:
    """The rows of one image: their run lengths, the lines of the file that they stand in, and its name."""

    table: str
    texts: tuple[str, ...]
    lines: tuple[int, ...]

    @property
    def positive(self) -> bool:
        """Whether the image has a pneumothorax."""
        return any(text != EMPTY for text in self.texts)

    @property
    def sha256(self) -> str:
        """By which a mask is known to be of these rows."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    def flaws(self) -> str:
        """Why these rows cannot be one image's, whatever its size, or ""."""
        if self.positive and EMPTY in self.texts:
            return self._told(f"the image has an outline, and {EMPTY} for none", self.lines)
        places = [place for place, text in enumerate(self.texts) if text in self.texts[:place]]
        if places:
            first = self.texts.index(self.texts[places[0]])
            return self._told("the same row stands there twice", (self.lines[first], self.lines[places[0]]))
        return ""

    def mask(self, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
        """The union of the rows. shape: (H, W) of the image.

        Returns: (H, W) uint8 of 0 and 255, and the pixels that lie in more than one object. Raises MaskRowsError.
        """
        if flaws := self.flaws():
            raise MaskRowsError(flaws)
        objects = np.zeros(shape, np.uint32)  # how many lie on a pixel
        for text, line in zip(self.texts, self.lines, strict=True):
            try:
                objects += decoded(text, shape) > 0
            except RunLengthError as error:
                raise MaskRowsError(self._told(str(error), (line,))) from error
        return (objects > 0) * np.uint8(255), int(np.count_nonzero(objects > 1))

    def _told(self, problem: str, lines: Sequence[int]) -> str:
        named = ", ".join(map(str, lines))
        return f"{self.table}, line{'s' * (len(lines) > 1)} {named}: {problem}; correct the table"


@dataclass(frozen=True)
class MaskTable:
    """All rows, by the image's name without suffix, in the order of the table."""

    path: Path
    images: dict[str, Outlines]

    def unlike(self, other: "MaskTable") -> list[str]:
        """The images of both tables whose rows differ, each with the lines; the order of an image's rows is no matter.

        Rows that differ may still unite to the same mask: one table has the objects, the other their union. Nobody asks
        for two such tables, and which of them is meant cannot be told.
        """
        both = [image for image in self.images if image in other.images]
        unlike = [name for name in both if sorted(self.images[name].texts) != sorted(other.images[name].texts)]
        return [f"{name} (lines {_lines(self.images[name])} and {_lines(other.images[name])})" for name in unlike]


def _lines(outlines: Outlines) -> str:
    return "-".join(map(str, dict.fromkeys((outlines.lines[0], outlines.lines[-1]))))


def read_mask_table(path: Path) -> MaskTable:
    """Read a table of masks, or a submission, which has the same columns; InputError with file, line and mend."""
    frame = read_table(path, (NAME, RUNS), TABLE_MEND)
    names = image_names(frame, NAME, path, TABLE_MEND)
    texts = frame[RUNS].str.strip()
    return MaskTable(
        path,
        {
            name: Outlines(
                paths.shown(path),
                tuple(texts.iloc[rows]),
                tuple(line_of(frame, int(row)) for row in rows),
            )
            for name, rows in names.groupby(names, sort=False).indices.items()
        },
    )
