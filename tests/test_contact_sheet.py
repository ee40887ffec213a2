"""The contact sheet shows crops of both classes, marks what is in doubt, and draws any name."""

import cv2
import numpy as np
import pandas as pd
import pytest

from stagewise.checks.contact_sheet import CELL, COLUMNS, ROWS, draw_contact_sheet
from stagewise.files import paths
from stagewise.volumes.pklz import save_volume


@pytest.fixture
def sheet(root):
    """Draws a sheet: names with their label, and the doubts by (subset, name)."""

    def draw(labels, doubts=None):
        doubts = doubts or {}
        for subset, name in {("train", name) for name in labels} | doubts.keys():
            volume = np.full((3, 20, 30, 3), 60 if labels.get(name) else 120, np.uint8)
            save_volume(paths.volume_path(subset, name), volume)
        rows = [("train", name, doubts.get(("train", name), "")) for name in labels]
        rows += [(*key, reason) for key, reason in doubts.items() if key[0] == "test"]
        volumes = pd.DataFrame(rows, columns=["subset", "filename", "reason"])
        labelled = pd.DataFrame({"filename": list(labels), "stalled": list(labels.values())})
        draw_contact_sheet(root / "sheet.png", labelled, volumes)
        return cv2.imread(str(root / "sheet.png"))

    return draw


def crops(picture, grey):
    """How many crops of this grey level the picture shows; pixels of letters have it, too."""
    areas = cv2.connectedComponentsWithStats((picture == grey).all(axis=2).astype(np.uint8), connectivity=4)[2][1:, 4]
    return (areas > 1000).sum()


def test_each_class_has_its_rows(sheet):
    labels = {f"{number}.mp4": int(number % 3 == 0) for number in range(60)}
    picture = sheet(labels)
    assert picture.shape[1] == COLUMNS * CELL
    assert crops(picture, 60) == crops(picture, 120) == COLUMNS * ROWS
    few = sheet({"1.mp4": 0, "2.mp4": 1, "3.mp4": 1})
    assert (crops(few, 120), crops(few, 60)) == (1, 2)
    assert len(picture) == ROWS * len(few)


def test_crops_in_doubt_are_marked_and_shown_with_the_reason(sheet):
    labels = {"1.mp4": 0, "2.mp4": 1}
    plain = sheet(labels)
    reason = "cut by its outline alone, 20x30 pixels; all orange pixels span 90x80 pixels"
    doubted = sheet(labels, {("train", "1.mp4"): reason, ("test", "9.mp4"): reason})
    assert crops(doubted, 120) == 1 + 2  # among flowing ones, and below
    assert (doubted[: len(plain)] != plain).any() and len(doubted) > len(plain)
    other = sheet(labels, {("train", "1.mp4"): reason, ("test", "9.mp4"): reason.replace("90x80", "90x81")})
    assert (other != doubted).any()
    many = sheet(labels, {("test", f"{number}.mp4"): reason for number in range(99)})
    assert crops(many, 120) == 1 + COLUMNS // 2 * ROWS


def test_any_name_is_drawn_without_a_word(sheet, recwarn):
    names = ("$^$ <b>日本.mp4", "毛細血管.mp4", "नमूना.mp4", "मनूना.mp4", 200 * "x" + ".mp4", "?" * 5 + ".mp4")
    pictures = {sheet({name: 1}).tobytes() for name in names}
    assert len(pictures) == len(names) and not recwarn.list
