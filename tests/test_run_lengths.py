"""Run lengths of masks: the competition's format to the letter, and nothing else."""

import gzip

import numpy as np
import pytest
from conftest import real_file
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from stagewise.volumes.run_lengths import EMPTY, RunLengthError, decoded, encoded

SIDE = 1024
MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def by_coco(text: str, shape: tuple[int, int]) -> np.ndarray:
    """The same mask by pycocotools, whose uncompressed counts end with the last gap."""
    counts = [int(word) for word in text.split()]
    counts.append(shape[0] * shape[1] - sum(counts))
    return coco.decode(coco.frPyObjects({"size": list(shape), "counts": counts}, *shape))


@pytest.fixture(scope="module")
def table() -> list[tuple[str, str]]:
    """Image and run lengths of each row of the real table."""
    with gzip.open(real_file("siim/train_rle.csv.gz"), "rt") as file:
        return [tuple(cell.strip() for cell in line.split(",")) for line in file][1:]


@pytest.mark.parametrize(
    ("pixels", "text"),
    [
        ([(1, 1), (2, 1), (0, 3), (1, 3)], "5 2 5 2"),
        ([(2, 1), (3, 1), (0, 2), (1, 2)], "6 4"),  # across the end of a column: one run
        ([(3, 4)], "19 1"),  # the very last pixel, which the winner's writer dropped
        ([(0, 0)], "0 1"),
        ([(row, column) for row in range(4) for column in range(5)], "0 20"),
        ([], EMPTY),
    ],
)
def test_small_masks_by_hand(pixels, text):
    mask = np.zeros((4, 5), bool)
    for pixel in pixels:
        mask[pixel] = True
    assert encoded(mask) == text
    assert np.array_equal(decoded(text, mask.shape), mask * np.uint8(255))


def test_runs_that_touch_are_one_run():
    assert encoded(decoded("5 2 0 3", (4, 5))) == "5 5"


@settings(deadline=None)
@given(MASKS)
def test_every_mask_comes_back(mask):
    again = decoded(encoded(mask), mask.shape)
    assert again.dtype == np.uint8 and again.flags.c_contiguous and set(np.unique(again)) <= {0, 255}
    assert np.array_equal(again, mask * np.uint8(255))
    assert encoded(again) == encoded(mask) == encoded(np.asfortranarray(mask))


@settings(deadline=None)
@given(MASKS.filter(np.any))
def test_pycocotools_reads_the_same_mask(mask):
    assert np.array_equal(by_coco(encoded(mask), mask.shape), mask)


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_every_row_of_the_real_table_is_written_again_to_the_letter(table, step):
    outlines = [text for _, text in table if text != EMPTY]
    assert (len(table), len(outlines)) == (12954, 3576)
    for text in outlines[::step]:
        assert encoded(decoded(text, (SIDE, SIDE))) == text
    assert encoded(decoded(EMPTY, (SIDE, SIDE))) == EMPTY


def test_real_masks_lie_where_the_winner_saw_them(table):
    one = [text for image, text in table if image.endswith("13666.1517875247.117800")]
    four = [text for image, text in table if image.endswith("32579.1517875161.299312")]
    mask = decoded(one[0], (SIDE, SIDE))
    rows, columns = np.nonzero(mask)
    assert (len(one), rows.size) == (1, 30859)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (125, 390, 544, 795)
    masks = [decoded(text, (SIDE, SIDE)) for text in four]
    assert [np.count_nonzero(mask) for mask in masks] == [6339, 1856, 7684, 6081]
    assert np.count_nonzero(np.maximum.reduce(masks)) == 16904
    for text in one + four:
        assert np.array_equal(decoded(text, (SIDE, SIDE)) > 0, by_coco(text, (SIDE, SIDE)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", 'no run lengths; a mask without a pixel is "-1"'),
        ("3", "1 numbers, an odd count: the last run has no length"),
        ("3 2 4", "3 numbers, an odd count: the last run has no length"),
        ("-1 4", "run 1 has a negative offset (-1)"),
        ("3 2 -1 1", "run 2 has a negative offset (-1)"),
        ("3 2 1 0", "run 2 has the length 0; it must be 1 at least"),
        ("3 -2", "run 1 has the length -2; it must be 1 at least"),
        ("3 2 10 6", "run 2 ends beyond the image of 20 pixels"),
        ("0 21", "run 1 ends beyond the image of 20 pixels"),
        (f"{10**30} 1", "run 1 ends beyond the image of 20 pixels"),
        (f"0 1 -{10**30} 1", "run 2 has a negative offset (-1)"),
        ("1 2.5", "'2.5' is not a whole number"),
        ("nan 1", "'nan' is not a whole number"),
        ("1,2", "'1,2' is not a whole number"),
        ("٣ 1", "'٣' is not a whole number"),
        ("x" * 1000, f"{'x' * 40!r} is not a whole number"),
    ],
)
def test_what_is_no_mask_is_refused_with_the_reason(text, reason):
    with pytest.raises(RunLengthError) as error:
        decoded(text, (4, 5))
    assert str(error.value) == reason and isinstance(error.value, ValueError)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789- +.e\n\0", max_size=40))
def test_any_text_is_a_mask_or_refused(text):
    try:
        mask = decoded(text, (4, 5))
    except RunLengthError:
        return
    assert mask.shape == (4, 5) and np.array_equal(decoded(encoded(mask), (4, 5)), mask)


def test_only_a_plane_is_a_mask():
    with pytest.raises(ValueError, match=r"uint8 \(4, 5, 1\) is not a mask"):
        encoded(np.zeros((4, 5, 1), np.uint8))
