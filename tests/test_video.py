"""Videos are read whole, as OpenCV reads them, or not at all."""

import errno
import io
import os
import struct

import av
import cv2
import numpy as np
import pytest
from clips import ffmpeg_frames, noise_frames, outlined_frames, write_video
from conftest import real_file

from stagewise.crops.roi import extract_roi
from stagewise.messages.errors import InputError
from stagewise.video import decoding as video
from stagewise.video.codecs import CODECS, chosen
from stagewise.video.containers import container_of
from stagewise.video.decoding import VideoError, read_frames


@pytest.fixture
def whole_video(root):
    path = root / "input" / "train" / "100000.mp4"
    write_video(path, noise_frames(12))
    return path


def read(path):
    return list(read_frames(path))


def test_frames_are_those_of_opencv(whole_video):
    frames = read(whole_video)
    capture = cv2.VideoCapture(str(whole_video))
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


def test_damaged_frame_is_not_painted_over(whole_video):
    content = bytearray(whole_video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    whole_video.write_bytes(content)
    with pytest.raises(VideoError, match=r"damaged|cannot be decoded"):
        read(whole_video)


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


def frames_of_opencv(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    return np.stack(frames)


def test_a_real_clip_in_avi_has_the_frames_of_opencv():
    source = real_file("stallcatchers/roi_clip_unlabelled_150x150.avi")  # MPEG-1
    np.testing.assert_array_equal(read(source), frames_of_opencv(source))


def test_a_real_gif_passes_as_h264_in_mp4_and_not_as_it_is(root):
    source = real_file("stallcatchers/200149_flowing_320x240.gif")
    with pytest.raises(VideoError, match="is no mp4, mov, avi or mkv file; it begins with b'GIF89a"):
        read(source)
    frames = frames_of_opencv(source)
    write_video(root / "real.mp4", frames)
    assert len(read(root / "real.mp4")) == len(frames) == 16


def stored(*matrix):
    """A display matrix as an mp4 stores it: 16.16 fixed point, the corner 2.30."""
    a, b, c, d = (round(value * (1 << 16)) for value in matrix)
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


def shown_by(path, *matrix, frames=None):
    """The video, with this display matrix."""
    write_video(path, frames or outlined_frames(3, [(10, 20, 60, 80)]))
    content = path.read_bytes()
    place = content.index(stored(1, 0, 0, 1), content.index(b"tkhd"))
    path.write_bytes(content[:place] + stored(*matrix) + content[place + 36 :])


TURNS = {
    "90 degrees": (0, 1, -1, 0),
    "180 degrees": (-1, 0, 0, -1),
    "270 degrees": (0, -1, 1, 0),
    "flipped from left to right": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
    "twice as large": (2, 0, 0, 2),
}


@pytest.mark.parametrize("matrix", TURNS.values(), ids=TURNS)
def test_a_video_is_turned_as_ffmpeg_turns_it(root, matrix):
    path = root / "turned.mp4"
    shown_by(path, *matrix)
    frames = np.stack(read(path))
    np.testing.assert_array_equal(frames, ffmpeg_frames(path, frames.shape))
    if matrix[0] * matrix[3] - matrix[1] * matrix[2] > 0:  # OpenCV leaves flips out
        np.testing.assert_array_equal(frames, frames_of_opencv(path))
    roi = extract_roi(path)
    y0, x0, y1, x1 = roi.box
    np.testing.assert_array_equal(roi.volume, frames[:, y0:y1, x0:x1])


def test_a_turn_by_another_angle_is_refused(root):
    path = root / "turned.mp4"
    for matrix in ((0.8, 0.6, -0.6, 0.8), (1, 0.1, 0, 1), (0, 0, 0, 0)):
        shown_by(path, *matrix)
        with pytest.raises(VideoError, match="by an angle that is no multiple of 90 degrees"):
            read(path)


def test_a_codec_that_is_not_allowed_never_decodes_a_frame(root):
    path = root / "a.mkv"
    for codec, name in (("libx264", "h264"), ("mpeg4", "mpeg4"), ("libsvtav1", "av1")):
        write_video(path, noise_frames(3), codec)
        others = tuple(other for other in CODECS if other != name)
        with pytest.raises(VideoError, match=f"holds {name} video, .* allow it: .*--codecs .*,{name};"):
            list(read_frames(path, others))
        assert len(list(read_frames(path, (name,)))) == 3


def test_codecs_are_chosen_by_ffmpegs_names():
    assert chosen("h264, av1,prores") == ("h264", "av1", "prores")
    assert chosen(",".join(CODECS)) == CODECS
    for text in ("h265", "h264,", "aac", ""):
        with pytest.raises(InputError, match="--codecs: no video codec"):
            chosen(text)


class Failing(io.BytesIO):
    """A file on a disk that cannot be read from some byte on."""

    def __init__(self, content, start):
        super().__init__(content)
        self.start = start

    def read(self, size=-1):
        if self.tell() + max(size, 0) > self.start:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_a_read_error_is_one_of_the_disk_in_every_container(root, suffix):
    path = root / f"a.{suffix}"
    write_video(path, noise_frames(20), "mjpeg")
    content = path.read_bytes()
    container = container_of(io.BytesIO(content))
    for start in np.linspace(0, len(content) - 1, 9).astype(int):
        with pytest.raises(OSError, match="Input/output error"):
            list(video._decoded(Failing(content, start), container.name, CODECS))
