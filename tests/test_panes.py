"""The picture of a heat-map video: three panes that are what they are called, under a title that fits."""

import numpy as np
import pytest

from stagewise.pictures.panes import GAP, LARGEST_SIDE, LEAST_HEIGHT, LEAST_WIDTH, ThreePanes, pane_size

GENERATOR = np.random.default_rng(0)


def volume(frames: int = 3, height: int = 300, width: int = 310) -> np.ndarray:
    return GENERATOR.integers(0, 256, (frames, height, width, 3), np.uint8)


def test_the_panes_are_the_clip_the_map_and_their_mean():
    clip, heat = volume(), volume()
    panes = ThreePanes(clip, heat, "a title\nof two lines")
    assert len(panes) == 3
    for number in range(3):
        picture = panes[number][-300:]  # a clip this large is shown pixel by pixel
        shown = [picture[:, start : start + 310] for start in (0, 310 + GAP, 2 * (310 + GAP))]
        np.testing.assert_array_equal(shown[0], clip[number])
        np.testing.assert_array_equal(shown[1], heat[number])
        np.testing.assert_allclose(shown[2], (clip[number] / 2 + heat[number] / 2), atol=0.51)
        assert picture.shape[1] == 3 * 310 + 2 * GAP


@pytest.mark.parametrize(
    ("height", "width", "pane"),
    [
        (60, 70, (256, 299)),  # as most crops: enlarged
        (335, 23, (335, 23)),
        (22, 448, (31, 640)),  # a pane no wider than a third of a screen
        (1, 1, (256, 256)),
        (3000, 10, (640, 2)),
        (1, 20000, (1, 640)),
    ],
)
def test_small_clips_are_enlarged_and_large_ones_fit_a_screen(height, width, pane):
    assert pane_size(height, width, LEAST_HEIGHT) == pane
    assert max(pane) <= LARGEST_SIDE
    picture = ThreePanes(*[np.zeros((1, height, width, 3), np.uint8)] * 2, "title")[0]
    assert picture.shape[1] == max(3 * pane[1] + 2 * GAP, LEAST_WIDTH)
    assert pane[0] < picture.shape[0] < pane[0] + 60


def banner(title: str) -> np.ndarray:
    """The lines above panes of 256 pixels."""
    clip = np.zeros((1, 256, 100, 3), np.uint8)
    return ThreePanes(clip, clip, title)[0][:-256]


def test_each_line_of_a_title_is_drawn_and_one_too_long_keeps_its_two_ends():
    assert len({banner(title).tobytes() for title in ("a", "b", "größe", "grosse", "Ж", "中", "$x^2$")}) == 7
    assert len(banner("a\nb")) > len(banner("a")) + 10
    beginning, end = "the beginning of a name", "probability 0.0001"
    long = banner(beginning + 300 * "x" + end)
    assert long.shape == banner("a").shape
    np.testing.assert_array_equal(long[:, :100], banner(beginning)[:, :100])
    assert (long[:, -20:] != banner("a")[:, -20:]).any()  # it reaches to the right side
    assert (long[:, -5:] == banner("a")[:, -5:]).all()  # and not beyond the margin


def test_names_that_differ_in_a_letter_that_the_font_lacks_are_drawn_apart():
    assert len({banner(title).tobytes() for title in ("न", "म", "?", "\U0001f600")}) == 4


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not lie on a clip"):
        ThreePanes(volume(), volume(frames=2), "")
