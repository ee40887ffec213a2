"""From probabilities to the rows of the submission."""

import tracemalloc

import cv2
import numpy as np
import pandas as pd
import pytest

from stagewise.masks.rule_asked import rule_asked, words
from stagewise.messages.errors import InputError
from stagewise.recipes.mask_rules import Doublet, Triplet
from stagewise.volumes.run_lengths import decoded
from stagewise.xrays.finished_masks import at_full_size, finished_mask, without_small_outlines
from stagewise.xrays.submission import images_asked_for, write_masks

SIDE = 1024


def patch(height: int, width: int, side: int = SIDE) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[20 : 20 + height, 30 : 30 + width] = True
    return mask


@pytest.mark.parametrize(
    ("height", "width", "stays"), [(3, 3, False), (1, 500, False), (11, 11, False), (12, 11, True), (40, 60, True)]
)
def test_an_outline_is_measured_through_the_pixels_centres(height, width, stays):
    mask = patch(height, width)
    filtered = without_small_outlines(mask, 100)
    assert filtered.dtype == bool and np.array_equal(filtered, mask if stays else np.zeros_like(mask))


def test_the_area_of_an_outline_is_of_the_full_image():
    mask = patch(7, 7, side=512)  # 36 of these pixels, 144 of the full image's
    assert np.array_equal(without_small_outlines(mask, 100), mask)
    assert not without_small_outlines(mask, 150).any()


def test_small_patches_go_small_holes_close_and_large_ones_stay_open():
    mask = patch(100, 100)
    mask[40:90, 50:100] = False
    mask[55:80, 60:90] = True  # an island in a hole
    expected = mask.copy()
    mask[110:113, 100:105] = False  # 4 x 6 between the centres of the pixels around it
    mask[500:505, 500:505] = True
    assert np.array_equal(without_small_outlines(mask, 100), expected)


def test_any_mask_of_large_parts_is_drawn_again_to_the_pixel():
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(SIDE, SIDE)), (0, 0), 12)
    mask = noise > 0.5 * noise.std()
    filtered = without_small_outlines(mask, 0)
    assert np.array_equal(filtered, mask)
    outlines, _ = cv2.findContours(without_small_outlines(mask, 100).astype(np.uint8), cv2.RETR_TREE, 2)
    assert min(map(cv2.contourArea, outlines)) > 100


def test_a_smaller_mask_is_laid_over_the_whole_image():
    small = np.zeros((512, 512), bool)
    small[100:200, 300:350] = True
    full = at_full_size(small)
    expected = cv2.resize(small.astype(np.float32) * 255, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) > 127.5
    assert full.shape == (SIDE, SIDE) and full.dtype == bool and np.array_equal(full, expected)
    assert full[250, 650] and abs(np.count_nonzero(full) - 4 * 5000) < 100
    assert at_full_size(full) is full


def test_a_mask_is_made_in_the_recipes_order():
    probabilities = np.zeros((512, 512), np.float32)
    probabilities[50:90, 60:120] = 0.8
    probabilities[300:303, 300:303] = 0.5
    assert not finished_mask(probabilities, Triplet(0.75, 9601, 0.3)).any()
    kept = finished_mask(probabilities, Triplet(0.75, 9600, 0.3))
    assert np.array_equal(kept, at_full_size(probabilities > 0.3)) and kept[602, 602]
    filtered = finished_mask(probabilities, Triplet(0.75, 9600, 0.3), least_outline=100)
    assert np.array_equal(filtered, at_full_size(probabilities > 0.6))
    assert finished_mask(probabilities, Doublet(0.6), side=512).shape == (512, 512)


def masks(count: int):
    for number in range(count):
        mask = np.zeros((SIDE, SIDE), bool)
        if number % 3:
            mask[number : number + 200, 100:300] = True
            mask[-number - 1 :, -1] = True  # a second object, up to the last pixel
        yield mask


def test_every_image_has_one_row_in_the_order_asked_for(root):
    path, names = root / "subm" / "submission.csv", [f"1.2.{number}" for number in (7, 3, 5, 1)]
    written = write_masks(path, names, masks(4))
    table = pd.read_csv(path, dtype=str)
    assert table.columns.tolist() == ["ImageId", "EncodedPixels"] and table["ImageId"].tolist() == names
    assert (table["EncodedPixels"] == "-1").tolist() == [True, False, False, True]
    for text, mask in zip(table["EncodedPixels"], masks(4), strict=True):
        assert np.array_equal(decoded(text, (SIDE, SIDE)) > 0, mask)
    assert (written.images, written.positives) == (4, 2)
    assert written.pixels == sum(map(np.count_nonzero, masks(4)))


def test_an_image_of_ones_is_not_taken_for_an_empty_one(root):
    write_masks(root / "submission.csv", ["one"], [np.ones((SIDE, SIDE), bool)])
    assert (root / "submission.csv").read_text() == f"ImageId,EncodedPixels\none,0 {SIDE * SIDE}\n"


@pytest.mark.parametrize(
    ("names", "made"),
    [
        (["one", "two"], list(masks(1))),
        (["one"], list(masks(2))),
        (["one", "one"], list(masks(2))),
        (["one"], [np.zeros((512, 512), bool)]),
    ],
)
def test_what_does_not_fit_leaves_the_old_submission(root, names, made):
    path = root / "submission.csv"
    write_masks(path, ["old"], masks(1))
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_masks(path, names, made)
    assert path.read_bytes() == before and list(root.iterdir()) == [path]


def test_memory_does_not_grow_with_the_images(root):
    peaks = []
    for count in (3, 12):
        tracemalloc.start()
        write_masks(root / "submission.csv", [str(number) for number in range(count)], masks(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize(
    ("rows", "names", "asked"),
    [
        (None, ["a", "b", "c"], ["a", "b", "c"]),
        ("c,1 1\na,1 1\nc,1 1\n", ["c", "a"], ["c", "a"]),  # stage 1's had a row an object
        ("c.dcm,-1\n a.PNG ,-1\nb,-1\nc,-1\n", ["c", "a", "b"], ["c.dcm", "a.PNG", "b"]),
    ],
)
def test_images_are_those_of_the_sample_submission_each_once_as_it_spells_them(root, rows, names, asked):
    path = root / "sample_submission.csv"
    if rows:
        path.write_text("ImageId, EncodedPixels\n" + rows)
    found = images_asked_for(path, ["b", "a", "c"])
    assert (found["filename"].tolist(), found["asked"].tolist()) == (names, asked)


def test_an_image_that_is_not_there_is_no_answer(root):
    path = root / "sample_submission.csv"
    path.write_text("ImageId,EncodedPixels\nc,-1\nd,-1\ne,-1\n")
    with pytest.raises(InputError, match=r"sample_submission\.csv asks for the mask of 'd' and of 1 others"):
        images_asked_for(path, ["a", "c"])


@pytest.mark.parametrize("text", ["winner", "0.75,1000,0.3", "0.1234567,1000,0.1000004", "1e-7,0,0"])
def test_the_option_that_asks_for_a_rule_again_asks_for_that_rule(text):
    assert rule_asked(words(rule_asked(text)).removeprefix(" --rule ")) == rule_asked(text)
