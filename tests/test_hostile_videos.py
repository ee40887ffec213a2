"""A video that is damaged, foreign or hostile is listed with its reason and becomes no volume; a healthy one does."""

import os
import struct
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from clips import ORANGE, noise_frames, outlined_frames, write_video

from stagewise.crops import extraction
from stagewise.crops.extraction import Extraction, extract
from stagewise.crops.roi import extract_roi
from stagewise.data.tables import read_roi_index
from stagewise.files import paths
from stagewise.messages.commands import CONVERT
from stagewise.messages.errors import InputError
from stagewise.video import decoding as video
from stagewise.video import mp4, mp4_boxes
from stagewise.video.containers import AVI, MATROSKA, MP4
from stagewise.video.decoding import VideoError, read_frames
from stagewise.volumes.pklz import load_volume

BOX = (10, 20, 60, 80)


@pytest.fixture
def folder(root):
    made = paths.videos_folder("train")
    made.mkdir(parents=True)
    return made


@pytest.fixture
def whole(folder):
    """The bytes of a healthy video of 12 frames, its index before its frames."""
    write_video(folder / "whole.mp4", outlined_frames(12, [BOX]), movflags="faststart")
    return (folder / "whole.mp4").read_bytes()


def reason(path, content):
    """Why the extraction of a file with this content is refused."""
    path.write_bytes(content)
    row = extract(Extraction(path, paths.volume_path("train", path.name)))
    assert row["status"] == "quarantined" and not paths.volume_path("train", path.name).exists()
    return row["reason"]


def boxes(content, start=0, end=None):
    """Where every box of an mp4 begins, on every level."""
    found = {}
    while start < (end or len(content)):
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        found[start] = kind
        if kind in (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"):
            found |= boxes(content, start + 8, start + size)
        start += size
    return found


def patched(content, kind, **words):
    """An mp4 with 4-byte words of a box changed; words: w2=9 sets the third word behind the box's type to 9."""
    start = content.index(kind) + 4
    changed = bytearray(content)
    for word, value in words.items():
        place = start + 4 * int(word[1:])
        changed[place : place + 4] = struct.pack(">i", value)
    return bytes(changed)


def word(content, kind, number):
    return struct.unpack_from(">i", content, content.index(kind) + 4 + 4 * number)[0]


def remuxed(path, content, **options):
    """The same frames in an mp4 of other options."""
    source, target = path / "source.mp4", path / "remuxed.mp4"
    source.write_bytes(content)
    with av.open(source) as read, av.open(target, "w", options=options) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = stream
                written.mux(packet)
    return target.read_bytes()


def encoded(path, codec, container="mp4", frames=None):
    frames = noise_frames(3) if frames is None else frames
    with av.open(path, "w", format=container) as written:
        stream = written.add_stream(codec, rate=20)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in frames:
            written.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        written.mux(stream.encode())
    return path.read_bytes()


def test_a_cut_at_every_box_and_at_random_places_is_found(folder, whole, tmp_path):
    path = folder / "100000.mp4"
    for content in (whole, remuxed(tmp_path, whole)):  # index first, index last
        starts = sorted(boxes(content))
        assert len(starts) > 20
        for length in [*starts, *np.random.default_rng(4).integers(1, len(content), 50)]:
            assert reason(path, content[:length]), length


# Of 1,000 flips anywhere in such a file 492 are found; the rest changes pixels in ways that H.264 cannot tell from
# a picture. The index is small, and ties itself up.
def test_a_flipped_bit_in_the_index_never_loses_a_frame_unnoticed(folder, whole):
    path = folder / "100000.mp4"
    pixels = [frame.tobytes() for frame in read_frames(folder / "whole.mp4")]
    start, end = whole.index(b"stts") - 4, whole.index(b"udta") - 4
    found = 0
    for bit in np.random.default_rng(5).permutation(np.arange(8 * start, 8 * end))[:200]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert [frame.tobytes() for frame in read_frames(path)] == pixels, f"bit {bit % 8} of byte {bit // 8}"
        except VideoError:
            found += 1
    assert found > 100


def reasons_of_flips(path, whole, count):
    """Why a file with one flipped bit among its frames is refused, for `count` of them, those that are."""
    found = []
    for bit in np.random.default_rng(7).integers(8 * whole.index(b"mdat"), 8 * len(whole), count):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            list(read_frames(path))
        except VideoError as error:
            found.append(error.reason)
    return found


def test_a_slice_that_does_not_end_where_its_bits_end_is_damage(folder, whole, monkeypatch):
    path = folder / "100000.mp4"
    strict = reasons_of_flips(path, whole, 80)
    monkeypatch.setattr(video, "DECODER", {"err_detect": "explode"})
    assert len(strict) > len(reasons_of_flips(path, whole, 80)) > 0


def test_a_frame_that_the_decoder_painted_over_is_damage(folder, tmp_path):
    arithmetic = encoded(tmp_path / "cabac.mp4", "libx264", frames=outlined_frames(30, [BOX]))
    assert "a frame is damaged" in reasons_of_flips(folder / "100000.mp4", arithmetic, 80)


def test_two_chunks_of_frames_in_one_place_are_found(folder):
    path = folder / "100000.mp4"
    write_video(path, noise_frames(200))  # more than a MiB, so that it has two chunks
    content = path.read_bytes()
    assert word(content, b"stco", 1) == 2
    assert "frames that are not there" in reason(path, patched(content, b"stco", w3=word(content, b"stco", 2)))


def test_a_wrong_count_in_the_index_is_found(folder, whole):
    path = folder / "100000.mp4"
    for kind, place in ((b"stsz", 2), (b"stts", 2), (b"stts", 1), (b"stsc", 3), (b"stco", 1)):
        for change in (-1, 1, 1 << 18):
            changed = patched(whole, kind, **{f"w{place}": word(whole, kind, place) + change})
            assert "damaged" in reason(path, changed), (kind, change)
    assert reason(path, patched(whole, b"stsz", w2=-1)) == f"has {(1 << 32) - 1} frames"
    no_rows = {"w-2": 16, "w1": 0, "w2": 12, "w3": int.from_bytes(b"free")}  # and a free box in the place of the row
    assert reason(path, patched(whole, b"stsc", **no_rows)) == "is damaged: its index does not place its 12 frames"
    fewer = patched(patched(whole, b"stsz", w2=11), b"stts", w2=11)  # two tables that agree, about a frame less
    assert "does not hold the 11 rows" in reason(path, fewer)
    assert reason(path, patched(whole, b"stco", w2=len(whole))).endswith("its index names frames that are not there")


def len_12(file):
    """As many frames as a check of the structure would promise."""
    return 12


LISTS = {
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n",
    "list.txt": b"ffconcat version 1.0\nfile '%s'\n",
}


@pytest.mark.parametrize(("name", "text"), LISTS.items(), ids=LISTS)
def test_a_list_of_other_files_opens_none_of_them(folder, whole, name, text, monkeypatch):
    content = text % str(folder / "whole.mp4").encode()
    (folder / name).write_bytes(content)
    with av.open(folder / name, options={"extension_picky": "0", "safe": "0"}) as opened:
        assert next(opened.decode(video=0))  # FFmpeg left to guess follows it
    assert reason(folder / "100000.mp4", content).startswith("is no mp4, mov, avi or mkv file; it begins with")
    for container in (MP4, AVI, MATROSKA):  # nor without our check of the first bytes
        monkeypatch.setattr(video, "container_of", lambda file, found=container: found._replace(frames_promised=len_12))
        assert "cannot be decoded" in reason(folder / "100000.mp4", content)


def test_the_decoder_guesses_no_format(folder, tmp_path, monkeypatch):
    raw = encoded(tmp_path / "raw.h264", "libx264", "h264")
    monkeypatch.setattr(video, "container_of", lambda file: MP4._replace(frames_promised=len_12))
    assert "cannot be decoded" in reason(folder / "100000.mp4", raw)


def test_files_of_another_kind_are_named(folder, whole, tmp_path):
    path = folder / "100000.mp4"
    raw = encoded(tmp_path / "raw.h264", "libx264", "h264")
    foreign = [encoded(tmp_path / "a.ts", "mpeg2video", "mpegts"), encoded(tmp_path / "a.flv", "flv", "flv"), raw]
    for content in (*foreign, b"a text\n" * 99, b"GIF89a", bytes(999), whole[::-1]):
        assert reason(path, content).startswith("is no mp4, mov, avi or mkv file; it begins with b'")
        assert CONVERT in reason(path, content)
    assert reason(path, b"") == "is an empty file"
    foreign = encoded(tmp_path / "a.avi", "wmv2", "avi")
    assert reason(path, foreign).startswith("holds wmv2 video, which is none") and CONVERT in reason(path, foreign)
    assert "another file" in reason(path, patched(whole, b"url ", w0=0))
    assert "no outline in any of its 3 frames" in reason(path, encoded(tmp_path / "c.mp4", "libx264"))


def test_boxes_that_make_no_sense_are_found(folder, whole):
    path = folder / "100000.mp4"
    second = whole[whole.index(b"moov") - 4 :][: word(whole, b"moov", -2)]
    assert reason(path, whole + second) == "is damaged or cut off: it has 2 boxes moov, not one"
    assert reason(path, whole + struct.pack(">I4s", 4, b"free")) == "is damaged: box free is 4 bytes long"
    assert reason(path, whole + struct.pack(">I4sQ", 1, b"free", 0)) == "is damaged: box free is 0 bytes long"
    assert reason(path, whole + b"\0\0") == "is cut off: 6 bytes are missing at its end, in box b''"


def test_an_index_beyond_the_caps_is_refused(folder, whole, monkeypatch):
    path = folder / "100000.mp4"
    assert "more than 65536 boxes" in reason(path, whole + struct.pack(">I4s", 8, b"free") * 65536)
    monkeypatch.setattr(mp4_boxes, "LARGEST_CONTENT", 60)
    assert "more than any video needs" in reason(path, whole)
    monkeypatch.undo()
    monkeypatch.setattr(mp4, "MOST_EDITS", 0)
    assert "edit list of 1 parts" in reason(path, whole)


def test_what_is_no_file_is_listed_and_does_not_hang(folder):
    (folder / "100000.mp4").mkdir()
    os.mkfifo(folder / "100001.mp4")
    rows = extraction.extract_subset("train", workers=0)
    assert [row["reason"] for row in rows] == ["is not a file"] * 2


def test_a_frame_size_beyond_the_cap_is_refused_before_it_is_decoded(folder, tmp_path):
    content = encoded(tmp_path / "wide.mp4", "libx264", frames=[np.zeros((4096, 4112, 3), np.uint8)])
    assert "cannot be decoded" in reason(folder / "100000.mp4", content)


def test_a_valid_edit_list_is_accepted(folder, whole):
    path = folder / "100000.mp4"
    frames = list(read_frames(folder / "whole.mp4"))
    length, step = word(whole, b"elst", 2) // 12, word(whole, b"mdhd", 4) // 12
    for first, count in ((0, 12), (3, 9), (2, 5)):
        trimmed = patched(whole, b"elst", w2=count * length, w3=first * step)
        path.write_bytes(patched(trimmed, b"tkhd", w5=count * length))
        np.testing.assert_array_equal(list(read_frames(path)), frames[first : first + count])
        assert extract_roi(path).volume.shape[0] == count == opencv_count(path)


def test_an_edit_list_that_disagrees_is_refused(folder, whole):
    path = folder / "100000.mp4"
    length, step = word(whole, b"elst", 2) // 12, word(whole, b"mdhd", 4) // 12
    for words in (dict(w2=9 * length), dict(w3=step), dict(w2=0), dict(w3=99 * step), dict(w3=-1)):
        assert "its edit list shows" in reason(path, patched(whole, b"elst", **words)), words


def test_a_frame_moved_out_of_the_edit_list_is_found(folder, tmp_path):
    content = encoded(tmp_path / "reordered.mp4", "libx264", frames=outlined_frames(30, [BOX]))
    moved = patched(content, b"ctts", w3=0)  # the first frame, to before the encoder's delay, which the edit list skips
    assert word(content, b"ctts", 3) > 0
    assert "its edit list shows 29 of its 30 frames" in reason(folder / "100000.mp4", moved)


def opencv_count(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def test_a_pause_before_the_first_frame_is_no_damage(folder, tmp_path):
    path = folder / "100000.mp4"
    frames = outlined_frames(9, [BOX])
    with av.open(path, "w") as written:
        stream = written.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.pts = number + 30
            written.mux(stream.encode(picture))
        written.mux(stream.encode())
    assert word(path.read_bytes(), b"elst", 1) == 2  # a pause, then the frames, which are coded out of order
    assert extract_roi(path).volume.shape[0] == 9


OUTLINES = {
    "in some frames": ([BOX, None, BOX], BOX, 8),
    "at two places": ([(10, 20, 50, 70), (30, 40, 80, 110)], (10, 20, 80, 110), 12),
    "at the border": ([(0, 0, 96, 128)], (0, 0, 96, 128), 12),
}


@pytest.mark.parametrize(("drawn", "box", "frames"), OUTLINES.values(), ids=OUTLINES)
def test_outlines_of_every_kind_are_cropped(folder, drawn, box, frames):
    write_video(folder / "100000.MP4", outlined_frames(12, drawn))
    roi = extract_roi(folder / "100000.MP4")
    np.testing.assert_allclose(roi.box, box, atol=2)  # the codec blurs the edge
    assert roi.frames_with_outline == frames and roi.volume.shape[0] == 12
    assert min(roi.box[:2]) >= 0 and roi.box[2] <= 96 and roi.box[3] <= 128


def test_one_frame_is_a_volume(folder):
    write_video(folder / "100000.mp4", outlined_frames(1, [BOX]))
    assert extraction.extract_subset("train", workers=0)[0]["frames"] == "1"


PEAK = """
import resource, sys
from pathlib import Path
from stagewise.crops.extraction import Extraction, extract
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
extract(Extraction(Path(sys.argv[1]), Path(sys.argv[1] + ".pklz")))
before = peak()
row = extract(Extraction(Path(sys.argv[2]), Path(sys.argv[2] + ".pklz")))
print(row["frames"], peak() - before)
"""


def test_5000_frames_take_bounded_memory(folder):
    write_video(folder / "short.mp4", outlined_frames(5, [BOX]))
    flat = [np.full((96, 128, 3), grey, np.uint8) for grey in range(25)]
    for frame in flat:
        cv2.rectangle(frame, BOX[1::-1], BOX[:1:-1], ORANGE, 3)
    write_video(folder / "long.mp4", flat * 200)  # 184 MB when decoded
    command = [sys.executable, "-c", PEAK, str(folder / "short.mp4"), str(folder / "long.mp4")]
    frames, kibibytes = map(int, subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split())
    assert frames == 5000
    crop = load_volume(folder / "long.mp4.pklz").nbytes
    assert kibibytes << 10 < (128 << 20) + crop + (16 << 20)


UNUSABLE = ["a\nb.mp4", "\x1b[2J.mp4", "tab\t.mp4", "\u202egpj.mp4", os.fsdecode(b"\xff.mp4")]


@pytest.mark.parametrize("name", UNUSABLE, ids=ascii)
def test_a_name_that_no_line_can_show_is_refused_before_any_work(folder, whole, name):
    (folder / name).write_bytes(whole)
    with pytest.raises(InputError, match=r"input/train.*; rename") as refusal:
        extraction.plan("train")
    assert str(refusal.value).isprintable()


def test_quotes_commas_and_html_in_a_name_come_through_the_index(folder, whole):
    names = ['"quoted".mp4', "<script>alert(1)</script>,$x^2$.mp4".replace("/", "\u2215"), "with space, comma.mp4"]
    for name in names:
        (folder / name).write_bytes(whole)
    (folder / "<b>bad</b>.mp4".replace("/", "\u2215")).write_bytes(b'<b>\n"text",')
    (folder / "whole.mp4").unlink()
    extraction.extract_subset("train", workers=0)
    index = read_roi_index(paths.roi_index("train"))
    assert set(names) < set(index["filename"]) and (index["status"] == "ok").sum() == 3
    assert all(task.known is not None for task in extraction.plan("train"))
