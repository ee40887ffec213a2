"""Text on pictures says what it stands for, whatever letters it has."""

import os

import numpy as np
import pytest

from stagewise.pictures.lettering import drawable, fitting, width_of, wrapped, write


def drawn(line: str) -> bytes:
    picture = np.zeros((40, 400, 3), np.uint8)
    write(picture, line, (5, 30), (255, 255, 255), 20)
    return picture.tobytes()


@pytest.mark.parametrize(
    "name", ["clip_01.mp4", "größe.mp4", "Жук.mp4", "毛細血管.mp4", "日本語カナ.mp4", "한국어.mp4", "a…b?"]
)
def test_letters_that_the_font_has_are_drawn(name):
    assert drawable(name) == name
    if not name.isascii():
        assert drawn(name) not in (drawn(name.encode("ascii", "replace").decode()), drawn(ascii(name)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("नमूना", r"\u0928\u092e\u0942\u0928\u093e"),
        ("\U0001f600.mp4", r"\U0001f600.mp4"),
        ("a\tb\nc\x7f", r"a\tb\nc\x7f"),
        (os.fsdecode(b"caf\xe9.mp4"), r"caf\udce9.mp4"),  # no text: ends the process within OpenCV
        ("a\u200bb\u202ec", r"a\u200bb\u202ec"),  # no width, and from right to left
    ],
)
def test_other_letters_are_drawn_as_their_codes(name, shown):
    assert drawable(name) == drawable(drawable(name)) == shown
    assert drawn(name) == drawn(shown)


def test_a_line_that_is_too_long_keeps_its_ends():
    line = "a beginning " + 90 * "x" + " 毛細血管 an end"
    shown = fitting(line, 200, 15)
    assert shown.startswith("a beg") and shown.endswith("n end") and "…" in shown
    assert 180 < width_of(shown, 15) <= 200
    assert fitting("short", 200, 15) == "short"


def test_wrapped_lines_hold_every_word_in_order():
    text = "cut by its outline alone, 82x112 pixels; all orange pixels span 132x182 pixels"
    lines = wrapped(text, 150, 11)
    assert " ".join(lines) == text and len(lines) > 2
    assert all(width_of(line, 11) <= 150 for line in lines)
    assert wrapped("", 150, 11) == [""]
