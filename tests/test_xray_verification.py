"""The check of the X-rays finds every disagreement of images, masks and tables, and names its mend."""

import cv2
import numpy as np
import pandas as pd
import pytest
from made_dicoms import GREY, dicom, put
from test_xray_conversion import run_script

from stagewise.files import paths, xray_paths
from stagewise.volumes.grey_images import save_grey
from stagewise.xrays import conversion
from stagewise.xrays.verification import verify

SCRIPT = "r02_verify_data.py"


@pytest.fixture
def data(root):
    """Eight training images, every second one with a mask, and a test image; converted, with a split."""
    for number in range(8):
        put(xray_paths.dicom_folder("train") / f"im{number}.dcm", dicom(np.roll(GREY, number)))
    put(xray_paths.dicom_folder("test") / "other.dcm", dicom(GREY[::-1, :12].copy()))  # a square
    rows = [f"im{number},{'3 40' if number % 2 else '-1'}\n" for number in range(8)]
    write_masks("".join(rows) + "im1,40 9\n")
    for subset in paths.SUBSETS:
        conversion.convert_subset(subset, workers=0)
    split = "".join(f"im{number},{number % 2},{number // 4}\n" for number in range(8))
    xray_paths.split_csv().write_text("filename,positive,fold\n" + split)
    return root


def write_masks(rows):
    xray_paths.mask_table().write_text("ImageId,EncodedPixels\n" + rows)


def found():
    return {finding.what: finding for finding in verify(None, None, 0).findings}


def test_whole_data_has_no_problems_and_is_drawn(data):
    result = run_script(SCRIPT, "--workers", "0")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "no problems" in lines and lines[-1] == "next: python pneumothorax/r31_train_albunet_public.py --workers 0"
    assert "train: 8 images, 4 of them positive (50.0%)" in lines
    assert "train: in 1 images objects overlap, over 3 pixels; the masks are united" in lines
    assert "fold 0: 2 negative, 2 positive" in lines
    folder = data / "modified_data" / "xrays" / "verify"
    for name in ("mask_areas", "class_share", "contact_sheet"):
        assert cv2.imread(str(folder / f"{name}.png")).shape[1] > 300
    sheet = cv2.imread(str(folder / "contact_sheet.png")).astype(int)
    cell = sheet[len(sheet) // 2 + 45 :, :160]  # of the first positive image, below its lines
    assert ((cell[..., 2] - cell[..., 0]) > 100).sum() > 20  # its outline, red on grey


def change_image(data):
    save_grey(xray_paths.image_path("train", "im0"), GREY // 2)


def cut_image(data):
    path = xray_paths.image_path("train", "im0")
    path.write_bytes(path.read_bytes()[:-9])


def other_size(data):
    save_grey(xray_paths.mask_path("im1"), np.zeros((5, 5), np.uint8))


def change_mask(data):
    path = xray_paths.mask_path("im1")
    save_grey(path, np.zeros(GREY.shape, np.uint8))


def change_table(data):
    text = xray_paths.mask_table().read_text()
    xray_paths.mask_table().write_text(text.replace("im3,3 40", "im3,3 41"))


def row_of_none(data):
    with xray_paths.mask_table().open("a") as file:
        file.write("gone,3 4\n")


def new_file(data):
    put(xray_paths.dicom_folder("train") / "new.dcm", dicom())


def stray_image(data):
    save_grey(xray_paths.image_path("train", "stray"), GREY)


def same_picture(data):
    put(xray_paths.dicom_folder("test") / "copy.dcm", dicom(np.roll(GREY, 3)))
    conversion.convert_subset("test", workers=0)


def asked_for_another(data):
    xray_paths.sample_submission().write_text("ImageId,EncodedPixels\nother.dcm,-1\ngone,-1\n")


def oblong_test_image(data):
    for number in range(2):
        put(xray_paths.dicom_folder("test") / f"oblong{number}.dcm", dicom(np.roll(GREY, 99 + number)))
    conversion.convert_subset("test", workers=0)


def other_split(data):
    text = xray_paths.split_csv().read_text()
    xray_paths.split_csv().write_text(text.replace("im0,0,0", "im0,1,0") + "nowhere,0,1\n")


def no_folds(data):
    xray_paths.split_csv().write_text("filename,positive,fold\nim0,0,0\n")


USELESS = "train images that cannot be used"
NAMED = {
    asked_for_another: (
        "input/xrays/sample_submission.csv asks for the mask of 'gone', which is no test image here",
        "remove it to answer all test images by name",
    ),
    oblong_test_image: (
        "a submission's masks are square and of one size, most images here have 16 x 12 pixels, and "
        "modified_data/xrays/test/other.png has 12 x 12",
        "resize it before r01",
    ),
}
CASES = {
    change_image: (USELESS, "im0 (changed since its conversion)"),
    cut_image: (USELESS, "im0 (ends before its last chunk (truncated))"),
    other_size: (USELESS, "im1 (the mask and its image have different sizes, 5 x 5 and 16 x 12 pixels)"),
    change_mask: (USELESS, "im1 (its mask changed since the conversion)"),
    change_table: (USELESS, "im3 (its mask is not that of the mask table)"),
    row_of_none: ("input/xrays/train-rle.csv has rows of images that are not there", "gone (line 11)"),
    new_file: ("train files that were not converted", "new"),
    stray_image: ("train images without a row in the index", "stray"),
    same_picture: ("images that are in train and in test", "im3 (copy)"),
    other_split: ("split rows that contradict the masks", "im0"),
}


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_each_disagreement_is_named_with_its_mend(data, change):
    change(data)
    what, name = CASES[change]
    finding = found()[what]
    assert finding.names == (name,) and finding.mend


@pytest.mark.parametrize("change", NAMED, ids=lambda change: change.__name__)
def test_what_r42_would_refuse_of_the_test_images_is_told_before_training_which_may_go_on(data, change):
    change(data)
    what, mend = NAMED[change]
    finding = found()[what]
    assert finding.optional and mend in finding.mend


def test_an_oblong_test_image_that_is_not_asked_for_is_no_matter(data):
    oblong_test_image(data)
    xray_paths.sample_submission().write_text("ImageId,EncodedPixels\nother,-1\n")
    assert not found()


def test_training_images_that_the_split_does_not_have_are_noted_and_no_problem(data):
    split = xray_paths.split_csv()
    split.write_text(split.read_text().replace("im5,1,1\n", "").replace("im2,0,0\n", ""))
    left = "2 training images, first im2, are not in the split, and never trained on; to have them there, "
    checked = verify(None, None, 0)
    assert not checked.findings
    assert f"{left}make it again: python pneumothorax/r03_gen_kfold_split.py --force" in checked.notes
    assert f"{left}add them to {split}" in verify(split, None, 0).notes


def test_a_split_without_folds_and_rows_without_an_image_are_found(data):
    other_split(data)
    assert found()["split rows without an image"].names == ("nowhere",)
    no_folds(data)
    assert any("has fold 0 alone" in what for what in found())


def test_problems_are_listed_and_end_with_exit_code_2(data):
    row_of_none(data)
    result = run_script(SCRIPT, "--workers", "0")
    assert result.returncode == 2 and "to go on with it alone: --keep-going" in result.stderr
    listed = pd.read_csv(data / "modified_data" / "xrays" / "verify" / "problems.csv")
    assert listed["name"].tolist() == ["gone (line 11)"]
    assert run_script(SCRIPT, "--workers", "0", "--keep-going").returncode == 5


def test_a_second_table_of_masks_must_say_the_same(data):
    other = data / "second.csv"
    other.write_text(xray_paths.mask_table().read_text().replace("im0,-1", "im0,1 1"))
    result = run_script(SCRIPT, "--workers", "0", "--masks", str(other))
    assert result.returncode == 2 and "second.csv disagree about images (1): im0 (lines 2 and 2)" in result.stderr


def test_without_anything_the_commands_are_named(root):
    mends = [finding.mend for finding in verify(None, None, 0).findings]
    assert any("r00_make_phantom.py" in mend for mend in mends)
    assert any("r01_convert_dicom.py train" in mend for mend in mends)
