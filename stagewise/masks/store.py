"""Probabilities of many X-rays in a folder, each known by the image and the weights that it was made of.

An image of 1024x1024 takes up to 2 MB there; it is done when its file is there, so that an interrupted run goes on.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stagewise.files import paths, xray_paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.locks import owned
from stagewise.folds import runs
from stagewise.messages.commands import OUT_OF_FOLD, TEST
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.volumes.probability_images import image_in, load_probabilities, probabilities_of, save_probabilities

MADE_FROM, LOCK = "made_from.json", ".lock"
Origin = tuple[str, str, int]  # sha256 of the image and of the weights, and the side in pixels


@dataclass(frozen=True)
class Store:
    """The folder, what each image's probabilities are to be made of, and the command that makes them."""

    folder: Path
    wanted: Mapping[str, Origin]
    command: str

    @contextmanager
    def opened(self, force: bool) -> Iterator[list[str]]:
        """Own the folder; yields the images whose probabilities are still to be made, in their order.

        force: make all anew. Raises InputError where there are any of another origin, BusyError where another process
        fills the folder.
        """
        with owned(self.folder / LOCK, paths.shown(self.folder)):
            remove_leftovers(self.folder)
            known = self._known()
            self.refuse_others(force)
            for name in self.wanted if force else ():
                image_in(self.folder, name).unlink(missing_ok=True)
            runs.write_json(self.folder / MADE_FROM, {**known, **self.wanted})
            yield [name for name in self.wanted if not image_in(self.folder, name).exists()]

    def refuse_others(self, force: bool) -> None:
        """Raise InputError, unless all are made anew, where an image's probabilities are there, of another origin."""
        known = self._known()
        if (strange := self._strange(known)) and not force:
            raise InputError(f"{self._told(strange, known)}; to make all anew, run: {self.command} --force")

    def save(self, name: str, probabilities: np.ndarray) -> None:
        """Write one image's: (H, W) float32, 0-1."""
        save_probabilities(image_in(self.folder, name), probabilities)

    def images(self, names: Sequence[str]) -> Iterator[np.ndarray]:
        """The probabilities of these images, one at a time: (H, W) float32.

        Raises InputError before the first one where one is missing, or of another origin, or of none that is known.
        """
        known, mend = self._known(), f"run: {self.command}"
        if strange := self._strange(known, names):
            raise InputError(f"{self._told(strange, known)}; {mend} --force")
        return probabilities_of(self.folder, names, mend)

    def image(self, name: str) -> np.ndarray:
        """Those of one image; which of them are to be trusted, `images` has said."""
        return load_probabilities(image_in(self.folder, name), f"run: {self.command}")

    def _known(self) -> dict[str, list]:
        path = self.folder / MADE_FROM
        try:
            known = json.loads(paths.read_text(path))
            if not all(len(origin) == 3 for origin in known.values()):
                raise ValueError("not all images have three facts")
            return known
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError) as error:
            raise InputError(
                f"{paths.shown(path)} is damaged ({error}); remove the folder, and run: {self.command}"
            ) from error

    def _strange(self, known: Mapping[str, list], names: Sequence[str] | None = None) -> list[str]:
        there = {path.stem for path in self.folder.glob("*.png")}
        asked = self.wanted if names is None else names
        return [name for name in asked if name in there and known.get(name) != list(self.wanted[name])]

    def _told(self, strange: Sequence[str], known: Mapping[str, list]) -> str:
        before, now = known.get(strange[0]), self.wanted[strange[0]]
        facts = zip(("another image", "other weights", "another size"), before or (), now, strict=False)
        what = " and ".join(fact for fact, old, new in facts if old != new) or "nobody knows what"
        many = f" and {len(strange) - 1} more were" if len(strange) > 1 else " was"
        return f"{paths.shown(image_in(self.folder, strange[0]))}{many} made of {what}"


def out_of_fold_store(plan: InferencePlan) -> Store:
    """Where the plan's images have their probabilities, each by the net of its own fold, which never saw it."""
    rows = zip(plan.table["filename"], plan.table["sha256"], plan.table["fold"], strict=True)
    hashes, side = plan.weights_sha256, plan.recipe.net.input_shape[0]
    wanted = {name: (sha256, hashes[str(fold)], side) for name, sha256, fold in rows}
    return Store(xray_paths.out_of_fold_folder(plan.stage), wanted, plan.command(OUT_OF_FOLD))


def test_store(plan: InferencePlan) -> Store:
    """Where the plan's test images have their probabilities, the mean of all folds."""
    weights = hashlib.sha256(" ".join(plan.hashes).encode()).hexdigest()
    side = plan.recipe.net.input_shape[0]
    rows = zip(plan.table["filename"], plan.table["sha256"], strict=True)
    wanted = {name: (sha256, weights, side) for name, sha256 in rows}
    return Store(xray_paths.probabilities_folder(plan.stage), wanted, plan.command(TEST))
