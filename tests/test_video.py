"""Videos are read whole, as OpenCV reads them, or not at all."""

import av
import cv2
import numpy as np
import pytest
from clips import noise_frames, write_video
from conftest import real_file

from stagewise.errors import InputError
from stagewise.video import VideoError, read_frames


@pytest.fixture
def video(root):
    path = root / "input" / "train" / "100000.mp4"
    write_video(path, noise_frames(12))
    return path


def read(path):
    return list(read_frames(path))


def test_frames_are_those_of_opencv(video):
    frames = read(video)
    capture = cv2.VideoCapture(str(video))
    assert len(frames) == 12
    for frame in frames:
        assert frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, capture.read()[1])
    assert not capture.read()[0]


@pytest.mark.parametrize("layout", [{}, {"movflags": "faststart"}], ids=["index last", "index first"])
def test_truncated_anywhere(root, layout):
    path = root / "whole.mp4"
    write_video(path, noise_frames(12), **layout)
    whole = path.read_bytes()
    assert len(read(path)) == 12
    for length in [1, 7, 30, *np.linspace(40, len(whole) - 1, 25).astype(int)]:
        path.write_bytes(whole[:length])
        with pytest.raises(VideoError):
            read(path)


def test_truncated_between_two_frames(root):
    path = root / "whole.mp4"
    write_video(path, noise_frames(12), movflags="faststart")
    with av.open(path) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: sorted(ends)[8]])
    with pytest.raises(VideoError, match=r"video whole\.mp4: is cut off: \d+ bytes are missing"):
        read(path)


def test_damaged_frame_is_not_painted_over(video):
    content = bytearray(video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    video.write_bytes(content)
    with pytest.raises(VideoError, match=r"damaged|cannot be decoded"):
        read(video)


def test_frame_size_changes(root):
    path = root / "two_sizes.mp4"
    with av.open(path, "w") as container:
        stream = None
        for name, width in (("a.h264", 128), ("b.h264", 96)):  # without a container, each part says its size itself
            write_video(root / name, noise_frames(3, width=width))
            with av.open(root / name) as part:
                stream = stream or container.add_stream_from_template(part.streams.video[0])
                for packet in part.demux(video=0):
                    if packet.size:
                        packet.stream, packet.pts, packet.dts = stream, None, None
                        container.mux(packet)
    with pytest.raises(VideoError, match="frame size changes from 128x96 to 96x96"):
        read(path)


def test_no_video_stream(root):
    path = root / "sound.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="has no video stream"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"not a video " * 50, bytes(1000)])
def test_no_video_at_all(root, content):
    path = root / "empty.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^video empty\.mp4: .*; replace the file"):
        read(path)


def test_missing_file_is_an_error_of_the_disk(root):
    with pytest.raises(FileNotFoundError):
        read(root / "none.mp4")


@pytest.mark.parametrize("name", ["roi_clip_unlabelled_150x150.avi", "200149_flowing_320x240.gif"])
def test_real_clips_pass_as_h264_in_mp4_and_in_no_other_container(root, name):
    source = real_file(f"stallcatchers/{name}")
    with pytest.raises(VideoError, match="is no mp4 file; it begins with"):
        read(source)
    capture, frames = cv2.VideoCapture(str(source)), []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    write_video(root / "real.mp4", frames)
    assert len(read(root / "real.mp4")) == len(frames) > 10
