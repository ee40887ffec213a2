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
    """The best weights of the same fold of another stage. label: that stage's name."""

    label: str

    @property
    def epoch(self) -> int | None:
        """None for the best epoch, or the number of a snapshot's."""
        return None


@dataclass(frozen=True)
class ParentSnapshot(ParentStage):
    """A snapshot of the same fold of another stage. label: that stage's name; snapshot: its epoch's number, from 1."""

    snapshot: int

    @property
    def epoch(self) -> int | None:
        """The snapshot's."""
        return self.snapshot


Start = RandomStart | WeightsFile | ParentStage
