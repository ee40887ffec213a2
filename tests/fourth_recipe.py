"""A recipe that no module of the package knows of: its own net, sampling and way to answer, on one page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import tiny

from stagewise.recipes.recipe import Recipe
from stagewise.recipes.sampling import ROW, Draw, SampleKey
from stagewise.recipes.starts import ParentStage


@dataclass(frozen=True)
class Flat:
    """Mean frames through one hidden layer. hidden: its units."""

    input_shape: tuple[int, int, int]
    hidden: int

    def build(self, seed: int | Sequence[int] = 0, data_format: str = "channels_last"):
        import keras

        glorot = keras.initializers.GlorotUniform(seed=int(np.random.default_rng(seed).integers(2**31)))
        clip = keras.Input((*self.input_shape, 3), dtype="uint8", name="clip")
        x = keras.layers.Rescaling(1 / 255)(clip)
        x = keras.layers.Flatten()(keras.ops.mean(x, axis=1))
        x = keras.layers.Dense(self.hidden, "tanh", kernel_initializer=glorot)(x)
        return keras.Model(clip, keras.layers.Dense(1, "sigmoid", kernel_initializer=glorot)(x), name="flat")

    def backbone(self, model):
        raise NotImplementedError("nothing to start from")

    @property
    def parameters(self) -> int:
        return (3 * prod(self.input_shape[1:]) + 1) * self.hidden + self.hidden + 1

    @property
    def activation_floats(self) -> int:
        return 3 * prod(self.input_shape) + 6 * prod(self.input_shape[1:]) + self.hidden + 1

    @property
    def map_shapes(self) -> list[tuple[int, int, int]]:
        return []

    def __str__(self) -> str:
        return f"{self.hidden} hidden units"


@dataclass(frozen=True)
class StalledInTurn:
    """Stalled clips one after the other in each other place, flowing ones by chance; an epoch has each stalled once."""

    def steps(self, stalled: np.ndarray, batch_size: int) -> int:
        return 2 * int(stalled.sum()) // batch_size

    def draws(self, stalled: np.ndarray) -> Draw:
        stalled_rows, flowing_rows = (np.flatnonzero(stalled == value) for value in (1, 0))

        def row(key: SampleKey) -> int:
            if key.index % 2 == 0:
                return int(stalled_rows[key.index // 2 % len(stalled_rows)])
            return int(key.generator(ROW).choice(flowing_rows))

        return row

    def stalled_share(self) -> float:
        return 0.5


@dataclass(frozen=True)
class LargestOfTwo:
    """The clip as it is and mirrored, the larger answer of both; of the folds the median."""

    openvino_precision: str = "f32"

    @property
    def views(self) -> int:
        return 2

    def shown(self, model):
        import keras

        clip = keras.Input(model.inputs[0].shape[1:], dtype="uint8", name="clip")
        both = [model(clip), model(keras.ops.flip(clip, 3))]
        return keras.Model(clip, keras.ops.stack(both, axis=1))

    def of_views(self, answers: np.ndarray) -> np.ndarray:
        return answers.max(axis=1)

    def of_folds(self, answers: np.ndarray) -> np.ndarray:
        return np.median(answers, axis=1)


FIRST_STAGE: Recipe = replace(
    tiny.recipe(name="fourth_first", epochs=2),
    net=Flat(tiny.NET.input_shape, hidden=4),
    sampling=StalledInTurn(),
    answer=LargestOfTwo(),
)
SECOND_STAGE: Recipe = replace(FIRST_STAGE, name="fourth_second", start=ParentStage("fourth_first"))
PRESETS = {"full": lambda recipe: recipe}
