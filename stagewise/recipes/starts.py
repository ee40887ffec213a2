"""Where a stage's weights start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RandomStart:
    """Random weights, drawn by seed and fold."""

    @property
    def label(self) -> str:
        """How config.json and messages name it."""
        return "random"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights in models/, made by r04, for all of the net but its head, which starts at random.

    label: how config.json and `--init` name it; file: its name.
    """

    label: str
    file: str


@dataclass(frozen=True)
class ParentStage:
    """The kept weights of the same fold of another stage. label: that stage's name."""

    label: str


Start = RandomStart | WeightsFile | ParentStage
