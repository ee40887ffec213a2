"""The crop follows the recipe's rule, in every frame and window of one."""

import functools

import av
import cv2
import numpy as np
import pytest
from clips import ORANGE, noise_frames, outlined_frames, write_video
from conftest import real_file

from stagewise.crops import roi
from stagewise.crops.filmstrip import FRAMES_A_PICTURE, FilmStrip, can_be_cut, planes
from stagewise.crops.outline import OUTLINE_HIGHEST, OUTLINE_LOWEST, outline_box, union
from stagewise.crops.roi import extract_roi, orange_chroma
from stagewise.video import decoding as video
from stagewise.video.decoding import VideoError, read_frames


def test_real_frame():
    frame = cv2.imread(str(real_file("stallcatchers/frame_stalled_512x384.jpg")))
    y0, x0, y1, x1 = outline_box(frame)
    assert (x0, y0, x1 - x0, y1 - y0) == (198, 115, 121, 137)


def test_range_is_inclusive_at_both_ends():
    inside = [(9, 13, 104), (98, 143, 255), ORANGE]
    outside = [(8, 13, 104), (9, 12, 104), (9, 13, 103), (99, 143, 255), (98, 144, 255)]
    for colours, box in ((inside, (3, 5, 4, 6)), (outside, None)):
        for colour in colours:
            frame = np.zeros((9, 9, 3), np.uint8)
            frame[3, 5] = colour
            assert outline_box(frame) == box


def test_box_is_half_open_around_every_pixel():
    frame = np.zeros((40, 50, 3), np.uint8)
    frame[7, 30] = frame[21, 11] = ORANGE
    assert outline_box(frame) == (7, 11, 22, 31)
    frame[0, 0] = frame[39, 49] = ORANGE
    assert outline_box(frame) == (0, 0, 40, 50)


def test_union():
    assert union((1, 2, 3, 4), (0, 3, 2, 9)) == (0, 2, 3, 9)
    assert union(None, (0, 0, 1, 1)) == union((0, 0, 1, 1), None) == (0, 0, 1, 1)
    assert union(None, None) is None


@pytest.mark.parametrize("kept_bytes", [roi.KEPT_BYTES, 5 * 96 * 128 * 3, 0], ids=["all kept", "some", "none"])
def test_crop_is_the_union_over_frames(root, monkeypatch, kept_bytes):
    path = root / "video.mp4"
    write_video(path, outlined_frames(9, [(10, 20, 60, 80), None, (30, 4, 70, 50)]))
    frames = np.stack(list(read_frames(path)))
    boxes = [outline_box(frame) for frame in frames]
    monkeypatch.setattr(roi, "KEPT_BYTES", kept_bytes)
    found = extract_roi(path)
    assert found.frames_with_outline == 6 and boxes[1] is None
    y0, x0 = np.min([box[:2] for box in boxes if box], axis=0)
    y1, x1 = np.max([box[2:] for box in boxes if box], axis=0)
    assert found.box == (y0, x0, y1, x1)
    np.testing.assert_allclose(found.box, (10, 4, 70, 80), atol=2)  # the codec blurs the edge
    np.testing.assert_array_equal(found.volume, frames[:, y0:y1, x0:x1])


@pytest.mark.parametrize(
    ("boxes", "decodings"),
    [
        ([(10, 20, 60, 80), (12, 18, 62, 78), None], 1),
        ([(10, 20, 60, 80), (40, 60, 90, 120)], 4),  # it leaves the window, and is followed
        ([None, (10, 20, 60, 80)], 3),
    ],
    ids=["still", "moving", "late"],
)
def test_a_still_outline_needs_one_decoding_and_any_other_gives_the_same_crop(root, monkeypatch, boxes, decodings):
    path = root / "video.mp4"
    write_video(path, outlined_frames(20, boxes))
    frames = np.stack(list(read_frames(path)))
    opened = []
    monkeypatch.setattr(video, "_decoded", lambda *of, decoded=video._decoded: opened.append(of) or decoded(*of))
    found = extract_roi(path)
    assert len(opened) == decodings
    y0, x0, y1, x1 = found.box
    assert found.box == functools.reduce(union, map(outline_box, frames))
    np.testing.assert_array_equal(found.volume, frames[:, y0:y1, x0:x1])


def coded_frame(luma, blue, red, format="yuv420p"):
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], format)
    for plane, values in zip(planes(frame), (luma, blue, red), strict=True):
        plane[:] = values
    return frame


def test_every_colour_of_the_outline_has_orange_chroma():
    """All 2^24 colours: each pair of chroma values in a block, under four lumas at a time."""
    blue, red = np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2, indexing="ij")
    outline = np.zeros((256, 256), bool)
    for luma in range(0, 256, 4):
        tile = np.array([[luma, luma + 1], [luma + 2, luma + 3]], np.uint8)
        frame = coded_frame(np.tile(tile, (256, 256)), blue, red)
        mask = cv2.inRange(frame.to_ndarray(format="bgr24"), OUTLINE_LOWEST, OUTLINE_HIGHEST)
        outline |= mask.reshape(256, 2, 256, 2).any(axis=(1, 3))
    difference = 4 * (red.astype(int) - 128) - 5 * (blue.astype(int) - 128)
    assert difference[outline].min() == 13
    np.testing.assert_array_equal(orange_chroma(blue, red) > 0, difference >= 13)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (64, 418), (34, 30)])
@pytest.mark.parametrize("colour_range", [0, 2], ids=["video range", "full range"])
def test_a_window_of_a_frame_has_the_pixels_of_the_whole_frame(height, width, colour_range):
    rng = np.random.default_rng(0)
    shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    frames = [coded_frame(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes)) for _ in range(3)]
    for frame in frames:
        frame.color_range = colour_range
    for _ in range(20):
        y0, y1 = np.sort(rng.choice(height // 2 + 1, 2, replace=False)) * 2
        x0, x1 = np.sort(rng.choice(width // 2 + 1, 2, replace=False)) * 2
        strip = FilmStrip(frames[0], (y0, x0, y1, x1))
        count = int(rng.integers(1, 2 * FRAMES_A_PICTURE + 2))
        for index in range(count):
            strip.add(*planes(frames[index % 3]))
        windows = strip.bgr()
        assert len(windows) == count
        for index, window in enumerate(windows):
            whole = frames[index % 3].to_ndarray(format="bgr24")
            np.testing.assert_array_equal(window, whole[y0:y1, x0:x1])


def test_frames_whose_windows_would_differ_are_not_cut():
    grey = np.full((8, 8), 128, np.uint8), np.full((4, 4), 128, np.uint8), np.full((4, 4), 128, np.uint8)
    frame = coded_frame(*grey)
    assert can_be_cut(frame)
    frame.colorspace = 1  # BT.709: other chroma stands for orange
    assert not can_be_cut(frame)
    assert not can_be_cut(av.VideoFrame(8, 8, "yuv444p"))
    assert not can_be_cut(av.VideoFrame(8, 7, "yuv420p"))


def test_no_outline(root):
    write_video(root / "video.mp4", noise_frames(5))
    with pytest.raises(VideoError, match="no outline in any of its 5 frames"):
        extract_roi(root / "video.mp4")
