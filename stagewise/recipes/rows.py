"""Which rows of a split a stage trains and validates on."""

from dataclasses import dataclass
from typing import Protocol, Self


class Tiered(Protocol):
    """A split, `data.splits.Split`, whose rows know their tier."""

    def of_tier1(self) -> Self:
        """The same split without rows of other tiers."""

    def of_tier1_and_surely_stalled(self, above: float) -> Self:
        """The same, but for stalled rows of other tiers whose crowd score is above a bound."""

    def of_micro_and_of_each_project(self, most: int, seed: int) -> Self:
        """Of tier 1 the rows of the micro set, and of the others some of each project."""

    def project_note(self, most: int) -> str:
        """What is to be said of these."""


class _Rows:
    """What a part of rows has, if it has nothing else to say."""

    def note(self, split: Tiered) -> str:
        """What is to be said aloud of how the rows were chosen, or ""."""
        return ""


@dataclass(frozen=True)
class AllRows(_Rows):
    """Every labelled clip."""

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split


@dataclass(frozen=True)
class Tier1(_Rows):
    """The clips of tier 1, whose labels are sure."""

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_tier1()


@dataclass(frozen=True)
class Tier1AndSurelyStalled(_Rows):
    """The clips of tier 1, and of the others the stalled ones that the crowd was sure of.

    crowd_score: above which (0-1, not at it) a stalled clip of another tier counts.
    """

    crowd_score: float

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_tier1_and_surely_stalled(self.crowd_score)


@dataclass(frozen=True)
class MicroAndOfEachProject(_Rows):
    """Of tier 1 the competition's micro set, and of its other clips at most `most` of each project, drawn by `seed`."""

    most: int
    seed: int

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_micro_and_of_each_project(self.most, self.seed)

    def note(self, split: Tiered) -> str:
        """Where columns are missing, what is taken."""
        return split.project_note(self.most)


Rows = AllRows | Tier1 | Tier1AndSurelyStalled | MicroAndOfEachProject
