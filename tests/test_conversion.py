"""The commands that messages prescribe for videos that are not read keep every frame, and make what is read."""

import cv2
import numpy as np
import pytest
from clips import decoded, ffmpeg_frames, outlined_frames, run_command, write_video
from conftest import REAL_DATA, real_file

from stagewise.crops.roi import extract_roi
from stagewise.messages.commands import CONVERT, CONVERT_TIFF
from stagewise.pictures.clip_video import write_gif
from stagewise.video.decoding import read_frames

BOX = (10, 20, 60, 80)
FRAMES = outlined_frames(11, [BOX], height=97, width=131)  # odd sizes


def converted(folder, command=CONVERT):
    run_command(command, folder)
    return np.stack(list(read_frames(folder / "NEW.mkv")))


@pytest.mark.parametrize("codec", ["wmv2", "libx265", "mjpeg"])
def test_a_video_of_a_variable_rate_keeps_every_frame_and_pixel(tmp_path, codec):
    path, times = tmp_path / "OLD", [0, 3, 5, 6, 9, 10, 17, 40, 41, 42, 60]
    frames = [frame[:96, :130] for frame in FRAMES]  # these codecs have even sizes alone
    source = tmp_path / ("a.wmv" if codec == "wmv2" else "a.mkv")
    write_video(source, frames, codec, times=times)
    source.rename(path)
    new = converted(tmp_path)
    assert len(new) == len(times)
    np.testing.assert_array_equal(new, ffmpeg_frames(path, new.shape))
    np.testing.assert_allclose(extract_roi(tmp_path / "NEW.mkv").box, BOX, atol=8)


def test_a_gif_keeps_every_frame_and_pixel(tmp_path):
    write_gif(tmp_path / "OLD", FRAMES, 7)
    new = converted(tmp_path)
    assert new.shape == (11, 97, 131, 3)
    np.testing.assert_array_equal(new, decoded(tmp_path / "OLD"))


def test_a_real_gif_keeps_its_frames(tmp_path):
    (tmp_path / "OLD").write_bytes(real_file("stallcatchers/200149_flowing_320x240.gif").read_bytes())
    assert len(converted(tmp_path)) == 16


def test_a_tiff_stack_keeps_every_page(tmp_path):
    cv2.imwritemulti(str(tmp_path / "OLD.tif"), FRAMES)
    np.testing.assert_array_equal(converted(tmp_path, CONVERT_TIFF), FRAMES)


CASES = ("hevc.mp4", "vfr_hevc.mp4", "mjpeg.mp4", "mjpeg.avi", "fragmented.mp4", "good.mp4")


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_read_as_opencv_reads_it_and_the_command_changes_nothing(tmp_path, name):
    path = REAL_DATA.parent / "cases" / "video" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    frames, capture = np.stack(list(read_frames(path))), cv2.VideoCapture(str(path))
    for frame in frames:
        np.testing.assert_array_equal(frame, capture.read()[1])
    assert not capture.read()[0] and len(frames) == (6 if name.startswith("vfr") else 12)
    (tmp_path / "OLD").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(converted(tmp_path), frames)
