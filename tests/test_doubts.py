"""A box that is not an outline's is never taken in silence, and one that is never changes."""

import functools
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from clips import ORANGE, noise_frames, write_video
from conftest import real_file

from stagewise.crops.doubts import View, judge
from stagewise.crops.outline import box_around, outline_box, union
from stagewise.crops.roi import extract_roi
from stagewise.phantom import clip, rendering
from stagewise.video.decoding import VideoError, decode, read_frames

HEIGHT, WIDTH = 240, 320
FRAMES = 24
BOX = (60, 80, 140, 190)  # of the outline
COLOUR = r"; looked for orange between BGR \(9, 13, 104\) and \(98, 143, 255\)$"


def ellipse(mask, box=BOX, thickness=3):
    y0, x0, y1, x1 = box
    half = thickness // 2 + 1
    axes = (x1 - x0) // 2 - half, (y1 - y0) // 2 - half
    cv2.ellipse(mask, ((x0 + x1) // 2, (y0 + y1) // 2), axes, 0, 0, 360, 255, thickness)


def masks_of(*draws, frames=FRAMES):
    """Masks of orange pixels; each draw is called with a mask and its number."""
    masks = np.zeros((frames, HEIGHT, WIDTH), np.uint8)
    for number, mask in enumerate(masks):
        for draw in draws:
            draw(mask, number)
    return masks


def outline(mask, number):
    ellipse(mask)


def whole_box(masks):
    return box_around((masks > 0).any(axis=0).astype(np.uint8))


def at(box, colour=255):
    y0, x0, y1, x1 = box
    return lambda mask, number: mask.__setitem__(np.s_[y0:y1, x0:x1], colour)


def only_in(numbers, draw):
    return lambda mask, number: draw(mask, number) if number in numbers else None


def specks(mask, number):
    for y, x in np.random.default_rng(number).integers(0, (HEIGHT, WIDTH), (30, 2)):
        if not (40 < y < 160 and 60 < x < 210):
            mask[y : y + 3, x : x + 3] = 255


def time_stamp(mask, number):
    cv2.putText(mask, f"00:{number:02d}", (4, 230), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)


def zeros(mask, number):
    """What they surround is 13 pixels wide."""
    for x in (20, 50, 80):
        cv2.ellipse(mask, (x, 205), (8, 14), 0, 0, 360, 255, 2)


LEFT_OUT = {
    "a stray pixel in one frame": only_in([3], at((9, 8, 11, 10))),
    "a stray pixel in every frame": at((9, 8, 11, 10)),
    "a scale bar": at((225, 250, 229, 300)),
    "a time stamp": time_stamp,
    "zeros": zeros,
    "specks": specks,
    "a filled spot": lambda mask, number: cv2.circle(mask, (260, 190), 30, 255, -1),
    "a large spot in few frames": only_in([5], lambda mask, number: cv2.circle(mask, (60, 150), 50, 255, -1)),
    "an arrow": lambda mask, number: cv2.arrowedLine(mask, (10, 10), (70, 50), 255, 3),
    "an open line": lambda mask, number: cv2.ellipse(mask, (250, 190), (40, 30), 0, 0, 300, 255, 3),
    "cells outside": lambda mask, number: cv2.circle(mask, (20 + 10 * number, 200), 4, 255, -1),
}


@pytest.mark.parametrize("draw", LEFT_OUT.values(), ids=LEFT_OUT)
def test_the_outline_alone_is_cut_where_other_orange_would_make_the_box(draw):
    clean, masks = masks_of(outline), masks_of(outline, draw)
    found = judge(lambda: masks, None)
    height, width = whole_box(masks)[2] - whole_box(masks)[0], whole_box(masks)[3] - whole_box(masks)[1]
    assert found.box == whole_box(clean) and found.frames_with_outline >= FRAMES - 1
    expected = f"cut by its outline alone, 81x111 pixels; all orange pixels span {height}x{width} pixels"
    assert found.reason == expected


def moving(mask, number):
    ellipse(mask, (20 + 2 * number, 20 + 5 * number, 80 + 2 * number, 100 + 5 * number))


def dashed(mask, number):
    for angle in range(0, 360, 10):  # gaps of 3 or 4 pixels
        cv2.ellipse(mask, (135, 100), (53, 38), 0, angle, angle + 5, 255, 2)


def cells_inside(mask, number):
    for x in range(0, 60, 15):
        cv2.circle(mask, (105 + (x + 5 * number) % 60, 100), 4, 255, -1)


UNDOUBTED = {
    "an outline": outline,
    "one that hides behind the frame's side": lambda mask, number: ellipse(mask, (-20, 100, 60, 180)),
    "one in the frame's corner": lambda mask, number: ellipse(mask, (180, 270, 260, 350)),
    "one that the corner cuts in two": lambda mask, number: ellipse(mask, (-6, -6, 80, 110)),
    "one that touches two sides": lambda mask, number: ellipse(mask, (0, 0, 80, 110)),
    "one that moves": moving,
    "one that trembles": lambda mask, number: ellipse(mask, (60 + number % 3, 80, 140 + number % 3, 190)),
    "one in 13 of 24 frames": only_in(range(13), outline),
    "thin": lambda mask, number: ellipse(mask, thickness=1),
    "thick": lambda mask, number: ellipse(mask, thickness=8),
    "with gaps": dashed,
    "with gaps at other places in each frame": lambda mask, number: (
        ellipse(mask, thickness=1),
        at((60 + 3 * number, 60, 66 + 3 * number, 200), 0)(mask, number),
    ),
    "with cells in the vessel": lambda mask, number: (outline(mask, number), cells_inside(mask, number)),
    "with a stray pixel close by": lambda mask, number: (outline(mask, number), at((100, 194, 102, 196))(mask, number)),
    "with pixels missing": lambda mask, number: (outline(mask, number), mask.__setitem__(np.s_[::2, ::3], 0)),
    "small": lambda mask, number: ellipse(mask, (60, 80, 78, 98)),
    "long and narrow": lambda mask, number: cv2.ellipse(mask, (150, 120), (110, 12), 35, 0, 360, 255, 3),
    "with corners": lambda mask, number: cv2.polylines(
        mask, [np.array([(60, 60), (220, 100), (60, 140)])], True, 255, 3
    ),
}


@pytest.mark.parametrize("draw", UNDOUBTED.values(), ids=UNDOUBTED)
def test_an_outline_keeps_the_box_around_all_its_pixels(draw):
    masks = masks_of(draw)
    found = judge(lambda: masks, None)
    assert (found.box, found.reason) == (whole_box(masks), "")
    assert found.frames_with_outline == (masks > 0).any(axis=(1, 2)).sum() and found.frames == FRAMES


def test_a_doubt_begins_above_a_tenth():
    for far, doubted in ((189 + 12, False), (189 + 13, True)):  # the outline is 111 wide
        masks = masks_of(outline, at((100, far + 1, 101, far + 2)))
        found = judge(lambda masks=masks: masks, None)
        assert bool(found.reason) == doubted == (found.box != whole_box(masks))


def other_outline(box):
    return lambda mask, number: ellipse(mask, box)


NO_OUTLINE = {
    "nothing": ([], f"no outline in any of its 24 frames{COLOUR}"),
    "in 1 frame": ([only_in([7], outline)], f"an outline in 1 of its 24 frames alone{COLOUR}"),
    "in 11 frames": ([only_in(range(11), outline)], f"an outline in 11 of its 24 frames alone{COLOUR}"),
    "a pixel": ([at((9, 8, 10, 9))], f"its orange pixels span 1x1 pixels, no outline{COLOUR}"),
    "a line": ([at((9, 8, 12, 90))], f"its orange pixels span 3x82 pixels, no outline{COLOUR}"),
    "a filled spot": ([lambda mask, number: cv2.circle(mask, (160, 90), 30, 255, -1)], f"no closed outline{COLOUR}"),
    "letters": (
        [lambda mask, number: cv2.putText(mask, "O x y", (9, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 1)],
        "the one closed line in them 18x14 pixels, as a letter's$",
    ),
    "specks": ([specks], f"surround an area in none of its 24 frames, so they are no closed outline{COLOUR}"),
    "an open line": (
        [lambda mask, number: cv2.ellipse(mask, (160, 90), (40, 30), 0, 0, 300, 255, 3)],
        "no closed outline",
    ),
    "a line across": ([lambda mask, number: cv2.line(mask, (0, 90), (319, 120), 255, 3)], "no closed outline"),
    "two": ([outline, other_outline((160, 210, 220, 290))], "surround more than one area in 24 of its 24 frames"),
    "two, one small": ([outline, other_outline((160, 210, 190, 240))], "more than one area in 24 of its 24 frames"),
    "one in another": ([outline, other_outline((10, 10, 230, 310))], "more than one area"),
    "in turn": (
        [only_in(range(12), outline), only_in(range(12, 24), other_outline((160, 210, 220, 290)))],
        "its outline is at 2 places, one after the other",
    ),
    "an orange vessel across": (
        [outline, lambda mask, number: cv2.line(mask, (9, 90), (300, 120), 255, 7)],
        "one area",
    ),
}


@pytest.mark.parametrize(("draws", "reason"), NO_OUTLINE.values(), ids=NO_OUTLINE)
def test_what_is_not_one_closed_outline_is_refused_with_what_it_is(draws, reason):
    masks = masks_of(*draws)
    found = judge(lambda: masks, None)
    assert found.box is None and re.search(reason, found.reason), found


@pytest.mark.parametrize("angle", [360, 180], ids=["closed", "open"])
@pytest.mark.parametrize("margin", [0, 8])
def test_a_window_of_the_frames_is_judged_as_they_are(angle, margin):
    """Also where the line touches each side of the window, which cuts off corners, or would close it."""
    masks = masks_of(lambda mask, number: cv2.ellipse(mask, (150, 120), (110, 12), 35, 0, angle, 255, 3))
    whole, (y0, x0, y1, x1) = judge(lambda: masks, None), whole_box(masks)
    window = (y0 - margin, x0 - margin, y1 + margin, x1 + margin)
    found = judge(lambda: masks[:, window[0] : window[2], window[1] : window[3]], View(window, HEIGHT, WIDTH))
    box = (margin, margin, margin + y1 - y0, margin + x1 - x0) if angle == 360 else None
    assert found == replace(whole, box=box)


@pytest.mark.parametrize(("frames", "touched"), [(60, [4, 5]), (16, [3]), (4, [0])])
def test_what_touches_the_outline_in_few_frames_is_left_out(frames, touched):
    clean = masks_of(outline, frames=frames)
    masks = masks_of(outline, only_in(touched, at((60, 150, 64, 260))), frames=frames)
    found = judge(lambda: masks, None)
    assert found.box == whole_box(clean) and found.reason.startswith("cut by its outline alone")


TOUCHING = {
    "a line": at((60, 150, 64, 260)),
    "a time stamp": lambda mask, number: cv2.putText(mask, "t=12", (175, 110), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2),
    "a scale bar": lambda mask, number: (
        cv2.line(mask, (60, 146), (160, 146), 255, 3) is cv2.line(mask, (110, 138), (110, 190), 255, 3)
    ),
}


@pytest.mark.parametrize("draw", TOUCHING.values(), ids=TOUCHING)
def test_what_always_touches_the_outline_is_taken_for_a_part_of_it_and_told(draw):
    masks = masks_of(outline, draw)
    found = judge(lambda: masks, None)
    assert found.box == whole_box(masks)
    assert "pixels beyond the area that the outline surrounds" in found.reason


def test_an_outline_around_most_of_the_frame_is_told():
    masks = masks_of(other_outline((10, 10, 230, 310)))
    found = judge(lambda: masks, None)
    assert found.box == whole_box(masks) and found.reason == "its outline spans 87% of the frame"


def test_an_undoubted_video_is_looked_at_once():
    masks, looks = masks_of(outline), []
    judge(lambda: looks.append(1) or masks, None)
    assert len(looks) == 1


def write_outlined(path, *draws):
    """A video of noise with the masks in orange. Returns: its box."""
    frames = noise_frames(FRAMES, HEIGHT, WIDTH)
    for frame, mask in zip(frames, masks_of(*draws), strict=True):
        frame[mask > 0] = ORANGE
    write_video(path, frames)
    return extract_roi(path)


def test_a_doubted_video_has_the_crop_of_the_clean_one(root):
    clean = write_outlined(root / "clean.mp4", outline)
    for draw in ("a stray pixel in every frame", "a time stamp", "a scale bar"):
        found = write_outlined(root / "other.mp4", outline, LEFT_OUT[draw])
        assert found.box == clean.box and "cut by its outline alone" in found.reason
        assert found.volume.shape == clean.volume.shape and not clean.reason
        frame = next(decode(root / "other.mp4")).to_ndarray(format="bgr24")
        y0, x0, y1, x1 = found.box
        np.testing.assert_array_equal(found.volume[0], frame[y0:y1, x0:x1])


@pytest.mark.parametrize("quality", ["12", "23", "34"])
@pytest.mark.parametrize("scale", [1, 0.5, 0.25])
def test_the_real_frame_is_not_doubted_however_it_is_coded(root, quality, scale):
    frame = cv2.imread(str(real_file("stallcatchers/frame_stalled_512x384.jpg")))
    frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    write_video(root / "real.mp4", [frame] * 8, options={"crf": quality, "preset": "ultrafast"})
    found = extract_roi(root / "real.mp4")
    assert found.reason == "" and found.frames_with_outline == 8
    np.testing.assert_allclose(found.box, scale * np.array([115, 198, 252, 319]), atol=6)


def test_phantom_clips_are_not_doubted(root):
    for index in range(3):
        rendering.write_clip(clip.Settings(seed=8), index, bool(index % 2), root / "clip.mp4")
        found = extract_roi(root / "clip.mp4")
        boxes = (outline_box(frame) for frame in read_frames(root / "clip.mp4"))
        assert found.reason == "" and found.box == functools.reduce(union, boxes)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("good", ""),
        ("stray_2x2_in_one_frame", "cut by its outline alone, 44x64 pixels; all orange pixels span 68x96 pixels"),
        ("orange_timestamp", "cut by its outline alone, 44x64 pixels; all orange pixels span 64x100 pixels"),
        ("redgreen_no_outline", COLOUR),
        ("outline_cyan_3px", COLOUR),
    ],
)
def test_small_cases(name, answer):
    path = real_file(f"../cases/video/{name}.mp4")
    if answer == COLOUR:
        with pytest.raises(VideoError) as raised:
            extract_roi(path)
        assert re.search(COLOUR, raised.value.reason)
    else:
        found = extract_roi(path)
        assert (found.box, found.reason) == ((28, 38, 72, 102), answer)
