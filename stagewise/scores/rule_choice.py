"""A rule for masks chosen out of fold: the grid that is tried, and what the choice is worth on other folds' images."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stagewise.recipes.mask_rules import Doublet, MaskRule, Triplet, is_kept
from stagewise.scores.dice import dice_of_counts
from stagewise.scores.mask_counts import MaskCounts, dice_of
from stagewise.scores.paired import interval_of, paired_resamples

AREAS = (0, 300, 600, 800, 1000, 1500, 2000, 2250, 3000)  # pixels of 1024x1024; the winner's, but for 0, 300 and 1500
KINDS = ("triplet", "doublet", "threshold")
ALL, POSITIVE, NEGATIVE = 0, 1, 2  # columns of scores: which images they are means of


@dataclass(frozen=True)
class Candidate:
    """A rule and its Dice.

    rule: for new images; own: (n,) Dice of images by it, flattered where it was chosen on them; of_folds: the rule that
    the other folds choose for each fold's images; nested: (n,) Dice of images by these, NaN where there is one fold.
    """

    name: str
    rule: MaskRule
    own: np.ndarray
    of_folds: tuple[MaskRule, ...]
    nested: np.ndarray


@dataclass(frozen=True)
class RuleChoice:
    """Candidates, scored on the same images.

    own, nested: (m, 3) mean Dice of all images, of those with a pneumothorax and of those without; own_interval,
    nested_interval: (m, 3, 2) 95 % of resamples of images; difference, difference_interval: (m,), (m, 2) how much the
    first candidate's nested Dice of all images is above each one's. empty: Dice of empty masks everywhere.
    """

    candidates: tuple[Candidate, ...]
    images: int
    positives: int
    empty: float
    own: np.ndarray
    nested: np.ndarray
    own_interval: np.ndarray
    nested_interval: np.ndarray
    difference: np.ndarray
    difference_interval: np.ndarray
    areas: tuple[int, ...]
    grid: tuple[float, ...]

    def named(self, name: str) -> Candidate:
        """The candidate of that name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)


def choose_rules(
    counts: MaskCounts,
    folds: np.ndarray,
    given: Mapping[str, MaskRule] | None = None,
    areas: Sequence[int] = AREAS,
    seed: int = 42,
) -> RuleChoice:
    """The triplet, the doublet and the threshold of the highest mean Dice on a grid, and given rules beside them.

    counts: of all out-of-fold images; folds: (n,) which one held each out; given: rules that are not chosen, by name;
    areas: that are tried, 0 among them; seed: of the resamples, which do not choose anew. Raises ValueError without 0.
    """
    if 0 not in areas:
        raise ValueError(f"a plain threshold has an area of 0, which is not among {areas}")
    sums = np.stack([grid_sums(counts.rows(folds == fold), areas) for fold in np.unique(folds)])
    candidates = [_chosen(kind, counts, folds, areas, sums) for kind in KINDS]
    candidates += [_given(name, rule, counts, folds) for name, rule in (given or {}).items()]
    return _scored(tuple(candidates), counts, tuple(areas), seed)


def best_of(counts: MaskCounts, rules: Sequence[MaskRule]) -> tuple[MaskRule, float]:
    """The rule of the highest mean Dice over images, of equal ones the first, and that Dice."""
    means = [float(dice_of(counts, rule).mean()) for rule in rules]
    best = int(np.argmax(means))
    return rules[best], means[best]


def grid_sums(counts: MaskCounts, areas: Sequence[int]) -> np.ndarray:
    """(g, len(areas), g) the sum over images of the Dice by each rule of a top, an area and a bottom."""
    empty = dice_of_counts(counts.truth, 0, 0)
    gain = dice_of_counts(counts.truth[:, None], counts.above, counts.common) - empty[:, None]
    kept = is_kept(counts.above[:, :, None], np.array(areas), counts.pixels[:, None, None])
    g, images = len(counts.grid), len(counts)
    gains = kept.reshape(images, -1).T.astype(np.float64) @ gain  # a sum over the images that a rule keeps
    return gains.reshape(g, len(areas), g) + empty.sum()


def _chosen(kind: str, counts: MaskCounts, folds: np.ndarray, areas: Sequence[int], sums: np.ndarray) -> Candidate:
    """The best rule of a kind on all images, and without each fold. sums: (folds, g, areas, g)."""
    allowed, total = _allowed(kind, len(counts.grid), areas), sums.sum(axis=0)
    rule = _rule(kind, counts.grid, areas, _best(total, allowed))
    nested, of_folds = np.full(len(counts), np.nan), []
    for number, fold in enumerate(np.unique(folds)):
        if len(sums) > 1:
            of_folds.append(_rule(kind, counts.grid, areas, _best(total - sums[number], allowed)))
            nested[folds == fold] = dice_of(counts.rows(folds == fold), of_folds[-1])
    return Candidate(kind, rule, dice_of(counts, rule), tuple(of_folds), nested)


def _given(name: str, rule: MaskRule, counts: MaskCounts, folds: np.ndarray) -> Candidate:
    scores = dice_of(counts, rule)
    return Candidate(name, rule, scores, (rule,) * len(np.unique(folds)), scores)


def _allowed(kind: str, g: int, areas: Sequence[int]) -> np.ndarray:
    """(g, areas, g) bool: which tops, areas and bottoms make a rule of that kind; the simpler ones are among them."""
    top, area, bottom = np.ogrid[:g, : len(areas), :g]
    plain = np.array(areas)[area] == 0
    if kind == "triplet":  # an area of 0 keeps every mask, so that all tops are one rule there, which counts once
        return (top >= bottom) & (~plain | (top == bottom))
    return (top == bottom) & ((kind == "doublet") | plain)


def _best(sums: np.ndarray, allowed: np.ndarray) -> tuple[int, ...]:
    """The place of the highest sum; of equal ones the one in their middle: the first lies at a cliff's edge."""
    rounded = np.where(allowed, np.round(sums, 6), -np.inf)  # sums in another order end otherwise
    places = np.argwhere(rounded == rounded.max())
    distance = np.square(places - places.mean(axis=0)).sum(axis=1)
    return tuple(places[np.argmin(distance)].tolist())


def _rule(kind: str, grid: Sequence[float], areas: Sequence[int], place: tuple[int, ...]) -> MaskRule:
    top, area, bottom = place
    return Triplet(grid[top], areas[area], grid[bottom]) if kind == "triplet" else Doublet(grid[top], areas[area])


def _scored(candidates: tuple[Candidate, ...], counts: MaskCounts, areas: tuple[int, ...], seed: int) -> RuleChoice:
    """Means and intervals of all candidates from the same resamples of the images."""
    dices = np.stack([[candidate.own, candidate.nested] for candidate in candidates]).reshape(-1, len(counts)).T

    def scores(weights: np.ndarray) -> np.ndarray:
        """(candidates, 2, 3), NaN where there is no image of a kind, or no other fold."""
        groups = np.stack([weights, weights * counts.positive, weights * ~counts.positive])
        with np.errstate(invalid="ignore"):
            return ((groups @ dices) / groups.sum(axis=1, keepdims=True)).T.reshape(-1, 2, 3)

    means = scores(np.ones(len(counts)))
    resamples = paired_resamples([scores], len(counts), None, seed)[:, 0]
    leads = resamples[:, :1, 1, ALL] - resamples[:, :, 1, ALL]
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # where all are NaN, so is the interval
        interval, lead = interval_of(resamples), interval_of(leads)
    return RuleChoice(
        candidates=candidates,
        images=len(counts),
        positives=int(counts.positive.sum()),
        empty=float(dice_of_counts(counts.truth, 0, 0).mean()),
        own=means[:, 0],
        nested=means[:, 1],
        own_interval=interval[:, 0],
        nested_interval=interval[:, 1],
        difference=means[0, 1, ALL] - means[:, 1, ALL],
        difference_interval=lead,
        areas=areas,
        grid=counts.grid,
    )
