"""Videos for people: what is written is what was given, plays in a browser, and is the same bytes every time."""

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from stagewise.pictures.clip_video import COLOURS, write_gif, write_mp4
from stagewise.video.decoding import read_frames

ODD_NAME = "file:%03d [x] größe 'a\" #1.mp4"


def frames(height: int = 64, width: int = 90, count: int = 7) -> np.ndarray:
    """A coloured square that moves over a shaded background: smooth, as a codec keeps it."""
    clip = np.zeros((count, height, width, 3), np.uint8)
    clip[..., 1] = np.linspace(30, 200, width).astype(np.uint8)
    for number, frame in enumerate(clip):
        frame[16:40, 8 + 6 * number : 40 + 6 * number] = 20, 106, 232
    return clip


@pytest.mark.parametrize(("height", "width"), [(64, 90), (63, 91)])
def test_an_mp4_shows_the_frames_and_an_odd_side_repeats_its_last_line(tmp_path, height, width):
    given, path = frames(height, width), tmp_path / ODD_NAME
    write_mp4(path, iter(given), 15)
    shown = np.stack(list(read_frames(path)))
    assert shown.shape == (7, 64, 90 + 2 * (width > 90), 3)
    difference = np.abs(shown[:, :height, :width].astype(int) - given)
    assert difference.mean() < 4 and np.percentile(difference, 99) < 40  # chroma has half the resolution
    np.testing.assert_allclose(shown[:, -1], shown[:, -2], atol=40)
    assert [entry.name for entry in tmp_path.iterdir()] == [ODD_NAME]


def test_an_mp4_is_what_browsers_play(tmp_path):
    write_mp4(tmp_path / "clip.mp4", frames(), 12.5)
    content = (tmp_path / "clip.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # so that it plays before it is loaded
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_range) == ("h264", "yuv420p", 6, 1)
        assert stream.average_rate == 12.5


def test_a_gif_shows_every_frame_in_few_colours_for_ever(tmp_path):
    given, path = frames(), tmp_path / ODD_NAME.replace("mp4", "gif")
    write_gif(path, given, 15)
    with Image.open(path) as image:
        assert image.info["loop"] == 0 and image.info["duration"] == 70
        shown = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)])
    assert shown.shape == given.shape
    assert np.abs(shown[..., ::-1].astype(int) - given).mean() < 3
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= COLOURS
    write_gif(path, given, 1000)
    with Image.open(path) as image:
        assert image.info["duration"] == 20


def test_one_frame_of_one_pixel_is_a_video(tmp_path):
    for write, name in ((write_mp4, "a.mp4"), (write_gif, "a.gif")):
        write(tmp_path / name, np.full((1, 1, 1, 3), 128, np.uint8), 15)
    assert [frame.shape for frame in read_frames(tmp_path / "a.mp4")] == [(2, 2, 3)]


def test_the_same_frames_are_the_same_bytes(tmp_path):
    for write, ending in ((write_mp4, "mp4"), (write_gif, "gif")):
        for name in "ab":
            write(tmp_path / f"{name}.{ending}", frames(), 15)
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_noise_is_the_same_bytes_too(tmp_path):
    # with x264's macroblock tree, three of eight runs wrote other bytes of this noise than the other five
    noise, contents = np.random.default_rng(0).integers(0, 256, (12, 328, 1044, 3), np.uint8), set()
    for number in range(5):
        np.full(700_000 * number, number, np.uint8)  # leaves other memory behind for each run
        write_mp4(tmp_path / "a.mp4", noise, 15)
        contents.add((tmp_path / "a.mp4").read_bytes())
    assert len(contents) == 1
