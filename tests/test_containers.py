"""Videos of every codec and container are read whole, as OpenCV and FFmpeg show them, or not at all."""

import io
import struct

import cv2
import numpy as np
import pytest
from clips import decoded, ffmpeg_frames, noise_frames, outlined_frames, run_command, write_video

from stagewise.crops.roi import extract_roi
from stagewise.messages.commands import COPY
from stagewise.video import avi, matroska
from stagewise.video.decoding import VideoError, read_frames
from stagewise.video.mp4_boxes import Boxes

BOX = (10, 20, 60, 80)
COUNT = 8
KINDS = {
    "libx264": ("mov", "m4v", "avi", "mkv"),
    "libx265": ("mp4", "mov", "mkv"),
    "mpeg4": ("mp4", "avi", "mkv"),
    "mpeg2video": ("avi", "mkv"),
    "mjpeg": ("mp4", "mov", "avi", "mkv"),
    "libvpx-vp9": ("webm", "mp4"),
    "libsvtav1": ("mp4", "mkv"),
    "libx264rgb": ("mp4",),
    "ffv1": ("mkv", "avi"),
    "huffyuv": ("avi",),
    "ffvhuff": ("avi",),
    "rawvideo": ("avi", "mov"),
    "png": ("mov", "avi"),
}
EACH = [(codec, suffix) for codec, suffixes in KINDS.items() for suffix in suffixes]
FRAGMENTS = {
    "a fragment a frame": dict(movflags="frag_every_frame+empty_moov+default_base_moof"),
    "a fragment a key frame": dict(movflags="frag_keyframe+empty_moov"),
    "the first frames in the index": dict(movflags="frag_keyframe"),
    "a list in front of each": dict(movflags="dash+frag_every_frame+delay_moov"),
    "a list in front": dict(movflags="dash+global_sidx+frag_keyframe+empty_moov+skip_trailer"),
}


def refusal(path, content):
    """Why a file of this content is refused; "" where it is not."""
    path.write_bytes(content)
    try:
        list(read_frames(path))
    except VideoError as error:
        return error.reason
    return ""


def cuts(content, count=12):
    """Places at which to cut a file, near its end above all."""
    length = len(content)
    return {*np.linspace(1, length - 1, count).astype(int).tolist(), length - 1, length - 9, length - 70}


@pytest.mark.parametrize(("codec", "suffix"), EACH)
def test_frames_are_those_of_ffmpeg_and_a_cut_is_found(tmp_path, codec, suffix):
    path = tmp_path / f"video.{suffix}"
    write_video(path, outlined_frames(COUNT, [BOX]), codec)
    frames = np.stack(list(read_frames(path)))
    np.testing.assert_array_equal(frames, decoded(path))
    np.testing.assert_array_equal(frames, ffmpeg_frames(path, (COUNT, 96, 128, 3)))
    np.testing.assert_allclose(extract_roi(path).box, BOX, atol=8)  # a block of chroma, where it is coarse
    content = path.read_bytes()
    for length in cuts(content):
        assert refusal(path, content[:length]), length


FORMATS = ("yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p", "yuv440p", "yuva420p", "gbrp10le", "gray", "gray16le")


@pytest.mark.parametrize("pixels", FORMATS)
def test_pixels_of_any_depth_are_those_of_opencv_at_odd_sizes_too(tmp_path, pixels):
    path = tmp_path / "video.mkv"
    write_video(path, outlined_frames(3, [BOX], height=97, width=131), "ffv1", pixels)
    capture = cv2.VideoCapture(str(path))
    for frame in read_frames(path):
        np.testing.assert_array_equal(frame, capture.read()[1])
    np.testing.assert_array_equal(list(read_frames(path)), ffmpeg_frames(path, (3, 97, 131, 3)))


def test_a_full_range_of_grey_comes_out_as_in_ffmpeg(tmp_path):
    path = tmp_path / "video.mp4"
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (96, 256, 3))
    write_video(path, [np.ascontiguousarray(ramp)], "mjpeg")
    frames = np.stack(list(read_frames(path)))
    np.testing.assert_array_equal(frames, ffmpeg_frames(path, frames.shape))
    assert np.abs(frames[0].astype(int) - ramp).max() <= 2


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg"])
def test_a_variable_rate_repeats_no_frame(tmp_path, codec):
    times = [0, 3, 5, 6, 9, 10, 17, 40]
    for name, options in {"a.mp4": {}, "b.mkv": {}, "c.mp4": FRAGMENTS["a fragment a frame"]}.items():
        write_video(tmp_path / name, outlined_frames(COUNT, [BOX]), codec, times=times, **options)
        assert len(list(read_frames(tmp_path / name))) == COUNT


# --- fragmented mp4


@pytest.fixture(params=FRAGMENTS, ids=str)
def fragmented(request, tmp_path):
    """The bytes of a fragmented mp4 of several fragments, and where its boxes lie."""
    path = tmp_path / "fragmented.mp4"
    write_video(path, outlined_frames(COUNT, [BOX]), options={"g": "3"}, **FRAGMENTS[request.param])
    content = path.read_bytes()
    return content, Boxes(io.BytesIO(content), 0, len(content)).spans


def test_a_fragmented_mp4_has_all_its_frames(fragmented, tmp_path):
    path = tmp_path / "fragmented.mp4"
    np.testing.assert_array_equal(list(read_frames(path)), decoded(path))
    assert len(list(read_frames(path))) == COUNT


def test_a_fragmented_mp4_that_is_cut_anywhere_is_found(fragmented, tmp_path):
    content, spans = fragmented
    last = max(span.end for span in spans if span.kind == b"mdat")  # what follows lists fragments, if another list does
    for length in [*cuts(content), *(span.start - 8 for span in spans[1:])]:
        if length < last or not any(span.kind == b"sidx" for span in spans):
            assert refusal(tmp_path / "cut.mp4", content[:length]), length


def test_a_fragment_that_is_lost_is_found(fragmented, tmp_path):
    content, spans = fragmented
    fragments = [number for number, span in enumerate(spans) if span.kind == b"moof"]
    assert len(fragments) > 1
    for number in fragments:
        left = content[: spans[number].start - 8] + content[spans[number + 1].end :]
        assert refusal(tmp_path / "lost.mp4", left)


def test_a_gap_in_the_times_is_found_where_the_numbers_go_on(tmp_path):
    path = tmp_path / "gap.mp4"
    write_video(path, noise_frames(6), **FRAGMENTS["a fragment a frame"])
    content = bytearray(path.read_bytes())
    place = [number for number in range(len(content)) if content[number : number + 4] == b"tfdt"][3]
    content[place + 15] += 5  # the last byte of a time in 8 bytes is of one part of 256 ticks
    content[place + 14] += 9
    assert "go on at" in refusal(path, bytes(content))


def test_a_fragmented_mp4_without_a_mark_of_its_end_gets_it_by_the_command(tmp_path):
    path, copy = tmp_path / "OLD", tmp_path / "NEW.mkv"
    write_video(tmp_path / "a.mp4", noise_frames(COUNT), movflags="frag_every_frame+empty_moov+skip_trailer")
    reason = refusal(path, (tmp_path / "a.mp4").read_bytes())
    assert reason.startswith("may be cut off") and COPY in reason
    run_command(COPY, tmp_path)
    np.testing.assert_array_equal(list(read_frames(copy)), decoded(tmp_path / "a.mp4"))


def test_frames_that_an_edit_list_hides_in_fragments_are_refused(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, noise_frames(COUNT), options={"bf": "2"}, movflags="frag_keyframe+delay_moov")
    content = path.read_bytes()
    start = content.index(b"elst") + 16
    later = struct.unpack_from(">i", content, start)[0] + 4000
    changed = content[:start] + struct.pack(">i", later) + content[start + 4 :]
    assert not refusal(path, content) and "edit list hides frames" in refusal(path, changed)


# --- AVI


@pytest.fixture
def riff(tmp_path):
    """The bytes of an AVI of uncompressed frames."""
    write_video(tmp_path / "a.avi", outlined_frames(4, [BOX]), "rawvideo")
    return (tmp_path / "a.avi").read_bytes()


def chunk(kind, content):
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def rebuilt(content, *parts):
    """An AVI with the header of another and these frames, a list a RIFF part: AVI, and then OpenDML's AVIX."""
    header = content[12 : content.index(b"movi") - 8]
    made = b""
    for number, frames in enumerate(parts):
        movi = chunk(b"LIST", b"movi" + b"".join(chunk(b"00dc", frame) for frame in frames))
        made += chunk(b"RIFF", b"AVIX" + movi if number else b"AVI " + header + movi)
    return made


def frames_inside(content):
    found = avi._chunks(io.BytesIO(content), content.index(b"movi") + 4, content.index(b"idx1"))
    return [content[one.start : one.end] for one in found]


def test_an_avi_in_several_parts_is_read_and_a_lost_part_is_found(riff, tmp_path):
    path, frames = tmp_path / "parts.avi", frames_inside(riff)
    pixels = decoded(tmp_path / "a.avi")
    assert not refusal(path, rebuilt(riff, frames[:2], frames[2:]))
    np.testing.assert_array_equal(list(read_frames(path)), pixels)
    for left in ((frames[:2],), (frames[:3],), (frames, frames[:1])):
        assert "its header counts 4 frames, and it has" in refusal(path, rebuilt(riff, *left))


def test_an_avi_shows_no_frame_again_where_it_repeats_one_by_an_empty_chunk(riff, tmp_path):
    path, frames = tmp_path / "empty.avi", frames_inside(riff)
    assert not refusal(path, rebuilt(riff, [frames[0], b"", frames[2], frames[3]]))
    np.testing.assert_array_equal(list(read_frames(path)), decoded(tmp_path / "a.avi")[[0, 2, 3]])


def test_an_avi_that_was_never_finished_or_goes_on_behind_its_end_is_refused(riff, tmp_path):
    path = tmp_path / "b.avi"
    assert "never finished" in refusal(path, riff[:4] + bytes(4) + riff[8:])
    assert "behind its end" in refusal(path, riff + chunk(b"JUNK", bytes(12)))


# --- Matroska


@pytest.fixture
def webm(tmp_path):
    """The bytes of a WebM, clusters of a frame each."""
    write_video(tmp_path / "a.webm", noise_frames(COUNT), "libvpx-vp9", cluster_time_limit="40")
    return (tmp_path / "a.webm").read_bytes()


def test_a_flipped_bit_of_a_cluster_with_a_checksum_is_found_in_a_codec_that_has_none(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, noise_frames(COUNT))
    content = path.read_bytes()
    start = content.index(matroska.CLUSTER.to_bytes(4, "big")) + 20
    for bit in np.random.default_rng(3).integers(8 * start, 8 * len(content), 40):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refusal(path, bytes(damaged)), bit


def test_a_recording_without_an_end_gets_it_by_the_command(tmp_path):
    path, copy = tmp_path / "OLD", tmp_path / "NEW.mkv"
    write_video(tmp_path / "a.mkv", noise_frames(COUNT), live="1")
    reason = refusal(path, (tmp_path / "a.mkv").read_bytes())
    assert reason.startswith("may be cut off") and COPY in reason
    run_command(COPY, tmp_path)
    np.testing.assert_array_equal(list(read_frames(copy)), decoded(tmp_path / "a.mkv"))


def test_bytes_behind_the_segment_are_refused(webm, tmp_path):
    assert "behind the end" in refusal(tmp_path / "b.webm", webm + webm)
    assert not refusal(tmp_path / "b.webm", webm + b"\xec\x82\0\0")  # but for a void


# --- flipped bits, in containers without a checksum

CHECKED = {
    "ffv1": ("avi", {}),
    "png": ("mov", {}),
    "libx265": ("mp4", {"x265-params": "log-level=none:pools=1:hash=1"}),
}


@pytest.mark.parametrize("codec", CHECKED)
def test_a_codec_with_a_checksum_gives_no_pixel_that_was_not_in_the_video(tmp_path, codec):
    suffix, options = CHECKED[codec]
    path = tmp_path / f"a.{suffix}"
    write_video(path, outlined_frames(5, [BOX], height=72, width=96), codec, options=options)
    content, frames, found = path.read_bytes(), np.stack(list(read_frames(path))), 0
    for bit in np.random.default_rng(6).integers(0, 8 * len(content), 40):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        if refusal(path, bytes(damaged)):
            found += 1
        else:
            np.testing.assert_array_equal(list(read_frames(path)), frames)
    assert found > 20


def test_lists_within_lists_end_somewhere(riff, tmp_path):
    nested = b""
    for _ in range(3000):
        nested = chunk(b"LIST", b"rec " + nested)
    header = riff[12 : riff.index(b"movi") - 8]
    deep = chunk(b"RIFF", b"AVI " + header + chunk(b"LIST", b"movi" + nested))
    assert "in more than 8 lists" in refusal(tmp_path / "deep.avi", deep)


def test_frames_in_groups_and_in_clusters_of_unknown_size_are_counted(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, noise_frames(3), "ffv1", write_crc32="0")
    content = path.read_bytes()
    place = content.index(matroska.CLUSTER.to_bytes(4, "big")) + 4
    size = 9 - content[place].bit_length()
    unknown = content[:place] + ((1 << 7 * size + 1) - 1).to_bytes(size, "big") + content[place + size :]
    assert not refusal(tmp_path / "b.mkv", unknown)
    assert len(list(read_frames(tmp_path / "b.mkv"))) == 3


def test_more_frames_than_a_video_may_have_take_no_memory(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, noise_frames(3), **FRAGMENTS["a fragment a frame"])
    content = path.read_bytes()
    start = content.index(b"trun") - 4
    size = struct.unpack_from(">I", content, start)[0]
    many = struct.pack(">I4sII", 16, b"trun", 0, 1 << 20) * 2000  # runs of frames that say nothing of each
    bombed = bytearray(content[:start] + many + content[start + size :])
    for kind in (b"traf", b"moof"):
        place = bombed.index(kind) - 4
        bombed[place : place + 4] = struct.pack(">I", struct.unpack_from(">I", bombed, place)[0] + len(many) - size)
    assert "frames" in refusal(path, bytes(bombed))


def test_an_unknown_codec_or_none_is_refused_by_name(riff, tmp_path):
    path = tmp_path / "b.avi"
    unknown = riff[: riff.index(b"strf") + 24] + b"QQQQ" + riff[riff.index(b"strf") + 28 :]
    assert "holds unknown video" in refusal(path, unknown.replace(b"vids\0\0\0\0", b"vidsQQQQ"))
    write_video(tmp_path / "a.mkv", noise_frames(3), write_crc32="0")
    content = (tmp_path / "a.mkv").read_bytes()
    assert "video" in refusal(path, content.replace(b"\x86\x8fV_MPEG4/ISO/AVC", b"\xec\x8fV_MPEG4/ISO/AVC"))
