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


@dataclass(frozen=True)
class AllRows:
    """Every labelled clip."""

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split

    @property
    def tier1_only(self) -> bool:
        """Whether rows of other tiers are left out."""
        return False


@dataclass(frozen=True)
class Tier1:
    """The clips of tier 1, whose labels are sure."""

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_tier1()

    @property
    def tier1_only(self) -> bool:
        """Whether rows of other tiers are left out."""
        return True


@dataclass(frozen=True)
class Tier1AndSurelyStalled:
    """The clips of tier 1, and of the others the stalled ones that the crowd was sure of.

    crowd_score: above which (0-1, not at it) a stalled clip of another tier counts.
    """

    crowd_score: float

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_tier1_and_surely_stalled(self.crowd_score)

    @property
    def tier1_only(self) -> bool:
        """Whether rows of other tiers are left out."""
        return False


@dataclass(frozen=True)
class MicroAndOfEachProject:
    """Of tier 1 the competition's micro set, and of its other clips at most `most` of each project, drawn by `seed`."""

    most: int
    seed: int

    def of(self, split: Tiered) -> Tiered:
        """The split's rows that the stage takes."""
        return split.of_micro_and_of_each_project(self.most, self.seed)

    @property
    def tier1_only(self) -> bool:
        """Whether rows of other tiers are left out."""
        return True


Rows = AllRows | Tier1 | Tier1AndSurelyStalled | MicroAndOfEachProject
