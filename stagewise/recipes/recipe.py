"""What a recipe consists of: parts, each with its numbers and the module that does its work.

The numbers themselves are on each recipe's page, such as `recipes/d121.py`. A part is a small frozen dataclass; one
that is to do the same work in another way is another class with the same methods, wherever it is defined.
"""

import dataclasses
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from stagewise.augment import Transform
from stagewise.messages.errors import InputError
from stagewise.nets.net import Net
from stagewise.recipes.answers import Answer
from stagewise.recipes.frames import Frames, Prepared
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.optimization import Loss, Optimizer
from stagewise.recipes.rows import Rows
from stagewise.recipes.sampling import Sampling
from stagewise.recipes.schedules import Schedule
from stagewise.recipes.starts import Start

OF_TRAINING_ALONE = ("start", "augmentation", "loss", "optimizer", "schedule")  # parts that a trained net needs no more
GPU_PRECISIONS = ("mixed_bfloat16", "float32")  # float16 would need its loss scaled, which a fold's start knows not of


class Part(Protocol):
    """A frozen dataclass of plain numbers, words and tuples of them."""


@dataclass(frozen=True)
class Recipe:
    """Everything that one training stage needs, and how its folds answer.

    name: the stage's folder; preset: of which the numbers are; batch_size: clips; gpu_precision: the Keras dtype policy
    on a GPU, one of `GPU_PRECISIONS` (a CPU trains in float32). The other fields are parts; see their classes.
    """

    name: str
    preset: str
    net: Net
    start: Start
    rows: Rows
    frames: Frames
    sampling: Sampling
    augmentation: tuple[Transform, ...]
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    kept: BestEpoch
    answer: Answer
    batch_size: int
    gpu_precision: str

    @property
    def prepared(self) -> Prepared:
        """All that is done to a clip of validation and test: to the net's input."""
        return self.frames.prepared(self.net.input_shape)

    @property
    def never_pads(self) -> bool:
        """Whether clips are of any length, and each is seen at its own."""
        return self.net.input_shape[0] is None and not self.prepared.lengths

    def fitted_share(self, stalled: np.ndarray) -> float:
        """The share of stalled clips that the net's probabilities are fitted to.

        stalled: (n,) 0 or 1 of clips whose share is that of the training rows.
        """
        drawn = self.sampling.stalled_share()
        return self.loss.fitted_share(float(np.mean(stalled)) if drawn is None else drawn)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for config.json: a part is its numbers and the name of its kind, and so is a transform."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return plain | {"augmentation": [transform.describe() for transform in self.augmentation]}


def changed(recipe: Recipe, **numbers: Any) -> Recipe:
    """The recipe with other numbers, each in the one part that has a field of that name, or in the recipe itself.

    Raises TypeError where no part has such a field, or several have.
    """
    for name, value in numbers.items():
        if name in _fields(recipe):
            recipe = replace(recipe, **{name: value})
            continue
        owners = [part for part in _fields(recipe) if name in _fields(getattr(recipe, part))]
        if len(owners) != 1:
            raise TypeError(f"{name} is a number of {', '.join(owners) or 'no part of the recipe'}")
        recipe = replace(recipe, **{owners[0]: replace(getattr(recipe, owners[0]), **{name: value})})
    return recipe


def trained_recipe(page: Recipe, plain: dict[str, Any], where: str) -> Recipe:
    """The recipe that a run was trained by, as far as its net's answers depend on it.

    page: the stage's recipe as it is now, which gives the kinds of the parts, and those `OF_TRAINING_ALONE` whole;
    plain: of `as_dict`, which gives the numbers; where: names the run in messages. Raises InputError where a part is of
    another kind than on the page.
    """
    found = {}
    for field in dataclasses.fields(page):
        present, value = getattr(page, field.name), plain.get(field.name)
        if field.name in OF_TRAINING_ALONE:
            found[field.name] = present
        elif not dataclasses.is_dataclass(present):
            found[field.name] = value
        elif not isinstance(value, dict) or value.get("kind") != type(present).__name__:
            kind = value.get("kind") if isinstance(value, dict) else value
            raise InputError(
                f"{where} was trained with another {field.name} ({kind}) than the recipe's page has "
                f"({type(present).__name__}); undo the change of the page, or train it again with --force"
            )
        else:
            found[field.name] = _filled(present, value, f"{where}: {field.name}")
    return Recipe(**found)


def _fields(part: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(part)) if dataclasses.is_dataclass(part) else ()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {"kind": type(value).__name__} | {name: _plain(getattr(value, name)) for name in _fields(value)}
    return value


def _filled(part: Part, plain: dict[str, Any], where: str) -> Part:
    """The part with the numbers of the file, which must be those that it has fields for."""
    if plain.keys() - {"kind"} != set(_fields(part)):
        raise InputError(
            f"{where} has the numbers {', '.join(sorted(plain.keys() - {'kind'}))}, not {', '.join(_fields(part))}; "
            "train it again with --force"
        )
    return replace(part, **{name: _tuples(plain[name]) for name in _fields(part)})


def _tuples(value: Any) -> Any:
    """JSON knows lists alone."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
