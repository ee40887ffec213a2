"""The clips of a split: their volumes, all of them there, and their labels."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stagewise.data.splits import Split
from stagewise.data.video_names import hint, names_in
from stagewise.files import paths
from stagewise.messages.commands import EXTRACT
from stagewise.messages.errors import InputError
from stagewise.volumes.packed import current_pack


@dataclass(frozen=True)
class Rows:
    """Clips, or images, with their labels: files, and (n,) 0 flowing or 1 stalled, or 1 of a positive image.

    words: what they are called, and what those of label 1 are.
    """

    volumes: tuple[Path, ...]
    labels: np.ndarray
    words: tuple[str, str] = ("clips", "stalled")

    def of(self, chosen: np.ndarray) -> "Rows":
        """Those of these numbers."""
        return replace(self, volumes=tuple(self.volumes[row] for row in chosen), labels=self.labels[chosen])

    def __str__(self) -> str:
        what, positive = self.words
        return f"{len(self.labels)} {what} ({int(self.labels.sum())} {positive})"


def volumes_of(subset: str, filenames: Iterable[str], split: Split) -> tuple[Path, ...]:
    """The extracted volumes of videos, all of them there. Raises InputError naming the first that are not.

    split: whose check finds every video without a volume.
    """
    volumes = tuple(paths.volume_path(subset, filename) for filename in filenames)
    pack, folder = current_pack(subset), paths.roi_folder(subset)
    packed = pack.names() if pack else ()
    missing = [path.stem for path in volumes if not (path.name in packed if pack else path.exists())]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        near = hint(missing, [name.removesuffix(".pklz") for name in packed or names_in(folder)])
        raise InputError(
            f"no volume {', '.join(f'{name}.pklz' for name in missing[:3])}{more} in "
            f"{paths.shown(pack.path if pack else folder)}{near}; "
            f"run: {EXTRACT} {subset}; if that makes none, see which rows have no video: {split.check}"
        )
    return volumes


def require_both_classes(stalled: np.ndarray, what: str, mend: str) -> None:
    """Raise InputError unless `stalled` holds flowing (0) and stalled (1) rows; `what` names them."""
    missing = [name for value, name in enumerate(("flowing", "stalled")) if not np.any(stalled == value)]
    if missing:
        raise InputError(f"{what} hold no {' and no '.join(missing)} clip, so there is nothing to score there; {mend}")
