"""Conversion of X-rays never leaves or trusts a file that is not whole, and each mask is that of its rows."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_dicoms import GREY, SHAPE, dicom, jpeg, put

from stagewise.files import paths, xray_paths
from stagewise.messages.errors import BusyError, InputError
from stagewise.volumes.grey_images import load_grey, load_mask
from stagewise.volumes.run_lengths import decoded
from stagewise.xrays import conversion
from stagewise.xrays.dicom import read_dicom
from stagewise.xrays.dicom_files import list_dicoms
from stagewise.xrays.image_names import without_suffix
from stagewise.xrays.tables import labelled_images, read_conversion_index

FOLDER = Path(__file__).parents[1] / "pneumothorax"
TABLE = "ImageId, EncodedPixels\na,-1\nb, 3 4 5 6\nb,5 4\nc,-1\nd,0 192\n"  # b's objects overlap; d's is all of it


def run_script(name, *arguments):
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def train(root):
    """Four training files in folders of different depths, and their table."""
    folder = xray_paths.dicom_folder("train")
    put(folder / "a.dcm", dicom())
    put(folder / "1.2" / "3" / "b.dcm", jpeg())
    put(folder / "1.2" / "c.DCM", dicom(255 - GREY, "MONOCHROME1"))
    put(folder / "d.dcm", dicom(GREY.astype(np.uint16) * 16, stored=12))
    xray_paths.mask_table().write_text(TABLE)
    return folder


def made():
    folder = paths.modified_data_folder()
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_index_says_what_the_images_and_masks_are(train):
    conversion.convert_subset("train", workers=0)
    index = read_conversion_index("train").set_index("filename")
    assert index.index.tolist() == ["a", "b", "c", "d"] and (index["status"] == "ok").all()
    assert index["photometric"].tolist() == ["MONOCHROME2", "MONOCHROME2", "MONOCHROME1", "MONOCHROME2"]
    dicoms = list_dicoms("train")
    for row in index.itertuples():
        path = xray_paths.image_path("train", row.Index)
        assert np.array_equal(load_grey(path), read_dicom(dicoms[row.Index]).grey)
        assert paths.sha256_of(path) == row.sha256 and (row.height, row.width) == SHAPE
        mask = xray_paths.mask_path(row.Index)
        assert mask.exists() == (row.mask_pixels > 0) == (row.mask_sha256 != "")
        if mask.exists():
            assert paths.sha256_of(mask) == row.mask_sha256
            assert np.count_nonzero(load_mask(mask, SHAPE)) == row.mask_pixels
    union = decoded("3 4 5 6", SHAPE) | decoded("5 4", SHAPE)
    assert np.array_equal(load_mask(xray_paths.mask_path("b"), SHAPE), union)
    assert index["mask_pixels"].tolist() == [0, 12, 0, 192]
    assert labelled_images()["positive"].tolist() == [0, 1, 0, 1]


def test_any_number_of_workers_gives_the_same_files(train):
    conversion.convert_subset("train", workers=0)
    alone = made()
    conversion.convert_subset("train", workers=2, force=True)
    assert made() == alone and len(alone) == 7


def test_a_rerun_keeps_what_is_whole_and_redoes_the_rest(train, monkeypatch):
    conversion.convert_subset("train", workers=0)
    before, done = made(), []
    xray_paths.image_path("train", "a").write_bytes(b"half an image")
    xray_paths.mask_path("d").unlink()
    later = time.time() + 5
    os.utime(train / "1.2" / "c.DCM", (later, later))  # a new file under an old name
    monkeypatch.setattr(conversion, "read_dicom", lambda path: done.append(path.name) or read_dicom(path))
    conversion.convert_subset("train", workers=0)
    assert done == ["a.dcm", "c.DCM", "d.dcm"] and made() == before


def test_a_changed_row_of_the_table_makes_that_mask_anew(train, monkeypatch):
    conversion.convert_subset("train", workers=0)
    xray_paths.mask_table().write_text(TABLE.replace("d,0 192", "d,-1").replace("c,-1", "c,7 1"))
    done = []
    monkeypatch.setattr(conversion, "read_dicom", lambda path: done.append(path.name) or read_dicom(path))
    conversion.convert_subset("train", workers=0)
    assert done == ["c.DCM", "d.dcm"]
    assert xray_paths.mask_path("c").exists() and not xray_paths.mask_path("d").exists()


def test_an_interrupted_run_goes_on_from_its_journal(train, monkeypatch):
    conversion.convert_subset("train", workers=0)
    straight, done = made(), []
    for path in paths.modified_data_folder().rglob("*.*"):
        path.unlink()

    def interrupted(path):
        if path.name == "c.DCM":
            raise KeyboardInterrupt
        return read_dicom(path)

    monkeypatch.setattr(conversion, "read_dicom", interrupted)
    with pytest.raises(KeyboardInterrupt):
        conversion.convert_subset("train", workers=0)
    with conversion.index_of("train").journal.open("a") as journal:
        journal.write("c,9,9")  # torn by the interruption
    monkeypatch.setattr(conversion, "read_dicom", lambda path: done.append(path.name) or read_dicom(path))
    conversion.convert_subset("train", workers=0)
    assert done == ["c.DCM", "d.dcm"] and made() == straight


def test_two_conversions_at_once_are_refused(train):
    with conversion.index_of("train").journaling(), pytest.raises(BusyError, match="the conversion of train is in use"):
        conversion.convert_subset("train", workers=0)


def test_the_script_quarantines_what_is_bad_and_goes_on_where_it_is_asked_to(train):
    put(train / "cut.dcm", jpeg()[:-200])
    put(train / "unknown.dcm", dicom())
    put(train / "far.dcm", dicom())
    put(train / "notes.txt", b"")
    (train / "link.dcm").symlink_to("nowhere")
    xray_paths.mask_table().write_text(TABLE + "cut,-1\nfar,190 9\nlink,-1\n")
    (paths.modified_data_folder() / "xrays" / "train").mkdir(parents=True)
    xray_paths.image_path("train", "cut").write_bytes(b"of an older file")
    result = run_script("r01_convert_dicom.py", "--workers", "2")
    assert result.returncode == 2 and "4 of the files quarantined" in result.stderr
    assert "test: nothing in input/xrays/test, left out" in result.stdout
    assert "passed over: 1 other file (notes.txt)" in result.stdout
    index = read_conversion_index("train").set_index("filename")
    reasons = {
        "cut": "is damaged",
        "unknown": "no row in input/xrays/train-rle.csv",
        "far": "input/xrays/train-rle.csv, line 8: run 1 ends beyond the image of 192 pixels; correct the table",
        "link": "cannot be read: No such file or directory, and is a link to nowhere",
    }
    for name, reason in reasons.items():
        assert index.loc[name, "reason"].startswith(reason) and f"train/{name}: {reason}" in result.stderr
        assert not xray_paths.image_path("train", name).exists()
    assert (index["status"] == "ok").sum() == 4
    result = run_script("r01_convert_dicom.py", "train", "--workers", "0", "--keep-going")
    assert result.returncode == 5
    assert result.stderr.splitlines()[-1] == "next: python pneumothorax/r02_verify_data.py --keep-going --workers 0"


def test_test_images_need_no_table(root):
    put(xray_paths.dicom_folder("test") / "a.dcm", dicom())
    result = run_script("r01_convert_dicom.py", "both", "--workers", "0")
    assert result.returncode == 0, result.stderr
    assert read_conversion_index("test")["status"].tolist() == ["ok"]
    assert not xray_paths.masks_folder().exists()


def test_two_files_of_one_name_are_refused(train):
    put(train / "elsewhere" / "a.dcm", dicom())
    with pytest.raises(InputError, match=r"input/xrays/train/a\.dcm and .*elsewhere/a\.dcm have one name"):
        conversion.plan("train")


def test_files_of_linked_folders_are_found_once_and_a_ring_of_links_ends(train):
    elsewhere = train.parent / "disk"
    put(elsewhere / "study" / "e.dcm", dicom())
    (train / "more").symlink_to(elsewhere)
    (train / "again").symlink_to(elsewhere / "study")
    (elsewhere / "back").symlink_to(train)
    (train / "itself").symlink_to("itself")
    assert sorted(list_dicoms("train")) == ["a", "b", "c", "d", "e"]


def test_a_name_with_both_suffixes_in_any_case_is_that_of_the_table(train):
    (train / "a.dcm").rename(train / "a.png.DCM")
    assert "a" in list_dicoms("train")
    assert without_suffix("A.DCM") == without_suffix("A.png.dcm") == without_suffix("A") == "A"


@pytest.mark.parametrize("name", ["-a.dcm", "=a.dcm", " a.dcm", "a\n.dcm", f"{'a' * 200}.dcm"])
def test_a_name_that_is_no_image_s_is_refused(train, name):
    put(train / name, dicom())
    with pytest.raises(InputError, match=r"the file's name .*; rename it"):
        conversion.plan("train")


def test_without_files_the_phantom_is_named(root):
    with pytest.raises(InputError, match=r"train-rle\.csv is not there; .*r00_make_phantom\.py"):
        conversion.plan("train")
    with pytest.raises(InputError, match=r"no \.dcm files in input/xrays/test; .*r00_make_phantom\.py"):
        conversion.plan("test")


def test_folds_have_as_many_positive_images_each(root):
    rows = [f"im{number}" for number in range(30)]
    for name in rows:
        put(xray_paths.dicom_folder("train") / f"{name}.dcm", dicom())
    table = [f"{name},{'3 4' if place % 3 == 0 else '-1'}" for place, name in enumerate(rows)]
    xray_paths.mask_table().write_text("\n".join(["ImageId,EncodedPixels", *table]))
    conversion.convert_subset("train", workers=0)
    result = run_script("r03_gen_kfold_split.py")
    assert result.returncode == 0, result.stderr
    from stagewise.xrays.splits import read_xray_split

    split = read_xray_split(None)
    assert split.table.groupby("fold")["positive"].agg(["size", "sum"]).to_numpy().tolist() == [[6, 2]] * 5
    assert result.stdout.splitlines()[-1] == "next: python pneumothorax/r31_train_albunet_public.py"
    again = run_script("r03_gen_kfold_split.py")
    assert again.returncode == 2 and "replace it with --force" in again.stderr
    other = run_script("r03_gen_kfold_split.py", "--folds", "11")
    assert other.returncode == 2 and "has no positive image" in other.stderr and "fewer with --folds" in other.stderr
