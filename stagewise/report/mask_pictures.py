"""Images on the page, with the outlines of the true mask and of the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stagewise.files import xray_paths
from stagewise.messages.progress import progress
from stagewise.pictures.outlines import ANSWER, TRUTH, outlined, png_uri
from stagewise.report.mask_evidence import MaskEvidence
from stagewise.scores.doubtful_masks import sureness, worst_first
from stagewise.scores.mask_counts import dice_of
from stagewise.volumes.grey_images import load_grey, load_mask
from stagewise.xrays.mask_table import MaskTable


@dataclass(frozen=True)
class Image:
    """One image: its name, what is told of it, and the picture as a data URI."""

    name: str
    told: str
    picture: str


@dataclass(frozen=True)
class ImageGroup:
    """Images shown for one reason."""

    title: str
    text: str
    images: list[Image]


def image_groups(evidence: MaskEvidence, count: int, submitted: MaskTable | None) -> list[ImageGroup]:
    """The worst answers, the least sure of the others, and answers to test images, at most `count` of each.

    submitted: of the test images, if any.
    """
    dice, sure = dice_of(evidence.counts, evidence.rule), sureness(evidence.counts)
    worst = [row for row in worst_first(dice).tolist() if dice[row] < 1][:count]
    unsure = [row for row in np.argsort(sure, kind="stable").tolist() if row not in worst and sure[row] < 1][:count]
    groups = [
        ImageGroup(
            "The worst answers",
            "The lowest Dice out of fold, of equal ones the first of the split.",
            _out_of_fold(evidence, worst, dice, sure, "worst"),
        ),
        ImageGroup(
            "The least sure answers",
            "But for those above: whose masks above 0.8 and above 0.2 are least alike. Their Dice is the sureness.",
            _out_of_fold(evidence, unsure, dice, sure, "least sure"),
        ),
    ]
    if submitted is not None:
        text = "Of the images that got a mask, some at even distances from the smallest one to the largest."
        groups.append(ImageGroup("Answers to test images", text, _of_test(submitted, count)))
    return [group for group in groups if group.images]


def _out_of_fold(
    evidence: MaskEvidence, rows: Sequence[int], dice: np.ndarray, sure: np.ndarray, what: str
) -> list[Image]:
    table, shown = evidence.plan.table, []
    with progress(len(rows), f"{what} images of the report", "images", kept=False) as line:
        for row in rows:
            name, positive = table["filename"].iloc[row], table["positive"].iloc[row]
            image = load_grey(xray_paths.image_path("train", name))
            masks = [(evidence.rule.mask(evidence.store.image(name)), ANSWER)]
            if positive:
                masks.insert(0, (load_mask(xray_paths.mask_path(name), image.shape), TRUTH))
            told = f"Dice {dice[row]:.3f}, sureness {sure[row]:.2f}, fold {table['fold'].iloc[row]}"
            shown.append(Image(name, told, png_uri(outlined(image, masks))))
            line.advance()
    return shown


def _of_test(submitted: MaskTable, count: int) -> list[Image]:
    with_mask = sorted((pixels, name) for name, pixels in areas_of(submitted).items() if pixels)
    places = np.unique(np.linspace(0, len(with_mask) - 1, min(count, len(with_mask))).round().astype(int))
    shown = []
    for pixels, name in (with_mask[place] for place in places.tolist()):
        image = load_grey(xray_paths.image_path("test", name))
        mask, _ = submitted.images[name].mask(image.shape)
        shown.append(Image(name, f"{pixels:,} pixels", png_uri(outlined(image, [(mask, ANSWER)]))))
    return shown


def areas_of(submitted: MaskTable) -> dict[str, int]:
    """Pixels of each image's mask, of the lengths of its runs, by the image's name."""
    return {
        name: sum(int(number) for text in rows.texts for number in text.split()[1::2])
        for name, rows in submitted.images.items()
    }
