"""The table of masks is read in every form it has, and each of its faults is named with line and mend."""

import gzip
import lzma

import numpy as np
import pytest
from conftest import real_file

from stagewise.messages.errors import InputError
from stagewise.volumes.run_lengths import decoded
from stagewise.xrays.mask_table import MaskRowsError, read_mask_table

SHAPE = (12, 16)
PLAIN = "ImageId,EncodedPixels\na,-1\nb,3 4 5 6\nb,20 2\n"


def table(root, text, name="train-rle.csv", opened=open):
    path = root / name
    with opened(path, "wb") as file:
        file.write(text.encode())
    return read_mask_table(path)


@pytest.mark.parametrize(
    ("text", "name", "opened"),
    [
        (PLAIN, "t.csv", open),
        (PLAIN.replace(",", ", "), "t.csv", open),
        (PLAIN.replace("\n", "\r\n") + "\r\n", "t.csv", open),
        (PLAIN.replace("ImageId", "imageid").replace("Encoded", "ENCODED"), "t.csv", open),
        ("﻿" + PLAIN, "t.csv", open),
        ('"ImageId","EncodedPixels"\n"a","-1"\n"b","3 4 5 6"\n"b","20 2"\n', "t.csv", open),
        (PLAIN.replace("b,", "b.dcm,"), "t.csv", open),
        (PLAIN, "t.csv.gz", gzip.open),
        (PLAIN, "t.csv.xz", lzma.open),
    ],
)
def test_every_form_of_the_table_says_the_same(root, text, name, opened):
    images = table(root, text, name, opened).images
    assert list(images) == ["a", "b"]
    assert [(images[image].positive, images[image].lines) for image in images] == [(False, (2,)), (True, (3, 4))]
    assert not images["a"].mask(SHAPE)[0].any()
    mask, overlap = images["b"].mask(SHAPE)
    assert np.array_equal(mask, decoded("3 4 5 6", SHAPE) | decoded("20 2", SHAPE)) and overlap == 0


def test_objects_that_overlap_are_united_and_told(root):
    mask, overlap = table(root, "ImageId,EncodedPixels\na,0 10\na,5 10\na,9 1\n").images["a"].mask(SHAPE)
    assert (np.count_nonzero(mask), overlap, set(np.unique(mask))) == (15, 5, {0, 255})


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,-1\na,3 4\n", "lines 2, 3: the image has an outline, and -1 for none"),
        ("a,3 4\na,3 4\n", "lines 2, 3: the same row stands there twice"),
        ("a,-1\na,-1\n", "lines 2, 3: the same row stands there twice"),
        ("a,3 4\na,3 4 5\n", "line 3: 3 numbers, an odd count: the last run has no length"),
        ("a,190 3\n", "line 2: run 1 ends beyond the image of 192 pixels"),
        ("a,-3 3\n", "line 2: run 1 has a negative offset (-3)"),
        ("a,none\n", "line 2: 'none' is not a whole number"),
    ],
)
def test_a_fault_of_one_image_names_table_lines_and_mend(root, rows, problem):
    found = table(root, "ImageId,EncodedPixels\n" + rows + "b,-1\n")
    with pytest.raises(MaskRowsError) as error:
        found.images["a"].mask(SHAPE)
    assert str(error.value) == f"train-rle.csv, {problem}; correct the table"
    assert not found.images["b"].mask(SHAPE)[0].any()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ImageId,Pixels\na,-1\n", "line 1: no column EncodedPixels; found ImageId, Pixels"),
        ("ImageId,EncodedPixels\n", "no rows after the header"),
        ("ImageId,EncodedPixels\na,-1\nb,\n", "line 3: EncodedPixels '' is blank"),
        ("ImageId,EncodedPixels\n../a,-1\n", "line 2: ImageId '../a' is not a bare file name"),
        ("ImageId,EncodedPixels\na,-1\n.png,-1\n", "line 3: ImageId '.png' is blank"),
        ('ImageId,EncodedPixels\na,"-1\n', "line 2 has a quote"),
    ],
)
def test_what_is_no_table_of_masks_is_refused_with_line_and_mend(root, text, problem):
    with pytest.raises(InputError) as error:
        table(root, text)
    assert problem in str(error.value) and "pneumothorax/r00_make_phantom.py" in str(error.value)


def test_two_tables_that_disagree_are_told_by_their_lines(root):
    one = table(root, PLAIN)
    other = table(root, "ImageId,EncodedPixels\nb,20 2\nb,3 4 5 6\na,1 1\nc,-1\n", "other.csv")
    assert one.unlike(one) == [] and one.unlike(other) == ["a (lines 2 and 4)"]


def test_the_real_table_has_the_images_that_the_recipe_s_sheet_counts():
    images = read_mask_table(real_file("siim/train_rle.csv.gz")).images
    positive = [outlines for outlines in images.values() if outlines.positive]
    assert (len(images), len(positive)) == (12047, 2669)
    assert sum(len(outlines.texts) for outlines in positive) == 3576
    assert not any(outlines.flaws() for outlines in images.values())


@pytest.mark.slow
def test_the_real_table_s_overlaps_are_those_that_the_recipe_s_sheet_counts():
    images = read_mask_table(real_file("siim/train_rle.csv.gz")).images
    several = [outlines for outlines in images.values() if len(outlines.texts) > 1]
    overlaps = [outlines.mask((1024, 1024))[1] for outlines in several]
    assert (sum(overlap > 0 for overlap in overlaps), sum(overlaps)) == (183, 1454555)


def test_the_real_sample_submissions_are_such_tables():
    images = read_mask_table(real_file("siim/sample_submission_stage2.csv.xz")).images
    assert len(images) == 3205
