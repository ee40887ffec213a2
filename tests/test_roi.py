"""The crop follows the recipe's rule, and extraction never leaves or trusts a file that is not whole."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import real_file
from test_video import noise_frames, write_video

from stagewise import extraction, paths, roi, video
from stagewise.errors import BusyError, InputError
from stagewise.filmstrip import FRAMES_A_PICTURE, FilmStrip, can_be_cut, planes
from stagewise.roi import extract_roi, orange_chroma, outline_box, union
from stagewise.tables import read_roi_index
from stagewise.video import VideoError, read_frames
from stagewise.volumes import load_volume

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r01_extract_roi.py"
ORANGE = (20, 106, 232)


def outlined_frames(count, boxes, **size):
    """Noise with an orange rectangle per frame; boxes: (y0, x0, y1, x1) or None, repeated over the frames."""
    frames = noise_frames(count, **size)
    for index, frame in enumerate(frames):
        if box := boxes[index % len(boxes)]:
            y0, x0, y1, x1 = box
            cv2.rectangle(frame, (x0 + 1, y0 + 1), (x1 - 2, y1 - 2), ORANGE, 3)
    return frames


def make_videos(subset="train", count=4):
    for number in range(count):
        box = (10 + number, 20, 60, 80 + number)
        write_video(paths.videos_folder(subset) / f"10000{number}.mp4", outlined_frames(6 + number, [box]))


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


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
        ([(10, 20, 60, 80), (40, 60, 90, 120)], 3),  # it leaves the window
        ([None, (10, 20, 60, 80)], 3),
    ],
    ids=["still", "moving", "late"],
)
def test_a_still_outline_needs_one_decoding_and_any_other_gives_the_same_crop(root, monkeypatch, boxes, decodings):
    path = root / "video.mp4"
    write_video(path, outlined_frames(20, boxes))
    frames = np.stack(list(read_frames(path)))
    opened = []
    monkeypatch.setattr(video, "_decoded", lambda path, decoded=video._decoded: opened.append(path) or decoded(path))
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
        mask = cv2.inRange(frame.to_ndarray(format="bgr24"), roi.OUTLINE_LOWEST, roi.OUTLINE_HIGHEST)
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


def test_index_says_what_the_volumes_are(root):
    make_videos()
    last = paths.videos_folder("train") / "100003.mp4"
    last.rename(last.with_suffix(".MP4"))
    extraction.extract_subset("train", workers=0)
    index = read_roi_index(paths.roi_index("train"))
    assert index["filename"].tolist() == ["100000.mp4", "100001.mp4", "100002.mp4", "100003.MP4"]
    for row in index.itertuples():
        path = paths.volume_path("train", row.filename)
        volume = load_volume(path)
        assert volume.shape == (row.frames, row.height, row.width, 3)
        assert (row.y1 - row.y0, row.x1 - row.x0) == (row.height, row.width)
        assert row.sha256 == paths.sha256_of(path) and row.frames_with_outline == row.frames


def outputs():
    folder = paths.modified_data_folder()
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_any_number_of_workers_gives_the_same_files(root):
    make_videos()
    extraction.extract_subset("train", workers=0)
    alone = outputs()
    extraction.extract_subset("train", workers=2, force=True)
    assert outputs() == alone and len(alone) == 5


def test_rerun_keeps_what_is_whole_and_redoes_the_rest(root, monkeypatch):
    make_videos(count=5)
    extraction.extract_subset("train", workers=0)
    before = outputs()
    volumes = [paths.volume_path("train", f"10000{number}.mp4") for number in range(5)]
    volumes[1].write_bytes(volumes[1].read_bytes()[:-9])  # as a killed run of the original leaves it
    volumes[2].unlink()
    later = time.time() + 5
    os.utime(paths.videos_folder("train") / "100003.mp4", (later, later))  # a new video under an old name
    done = []
    monkeypatch.setattr(extraction, "extract_roi", lambda path: done.append(path.name) or extract_roi(path))
    extraction.extract_subset("train", workers=0)
    assert done == ["100001.mp4", "100002.mp4", "100003.mp4"]
    assert outputs() == before


@pytest.mark.parametrize("replace", [Path.replace, shutil.copy2], ids=["moved", "copied"])
def test_a_video_that_is_replaced_by_an_older_one_is_extracted_anew(root, replace):
    make_videos(count=2)
    first, second = (paths.videos_folder("train") / f"10000{number}.mp4" for number in range(2))
    os.utime(second, (1e9, 1e9))
    extraction.extract_subset("train", workers=0)
    replace(second, first)
    extraction.extract_subset("train", workers=0)
    assert load_volume(paths.volume_path("train", first.name)).shape[0] == 7


def test_a_video_whose_rights_change_is_not_extracted_anew(root):
    make_videos(count=1)
    extraction.extract_subset("train", workers=0)
    volume, video = paths.volume_path("train", "100000.mp4"), paths.videos_folder("train") / "100000.mp4"
    before = volume.stat().st_mtime_ns
    video.chmod(0o400)
    extraction.extract_subset("train", workers=0)
    assert volume.stat().st_mtime_ns == before


def test_a_leftover_volume_without_a_record_is_not_trusted(root):
    make_videos(count=2)
    path = paths.volume_path("train", "100001.mp4")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a volume")
    (path.parent / ".tmp-1-100000.mp4.pklz").write_bytes(b"half a volume")
    extraction.extract_subset("train", workers=0)
    assert load_volume(path).shape[0] == 7
    assert not list(path.parent.glob(".tmp-*"))


def test_interrupted_run_goes_on_from_its_journal(root, monkeypatch):
    make_videos(count=4)
    extraction.extract_subset("train", workers=0)
    straight = outputs()
    for path in paths.modified_data_folder().rglob("*.*"):
        path.unlink()

    for stop in ("100000.mp4", "100003.mp4"):
        done = []

        def interrupted(path, stop=stop, done=done):
            if path.name == stop:
                raise KeyboardInterrupt
            done.append(path.name)
            return extract_roi(path)

        monkeypatch.setattr(extraction, "extract_roi", interrupted)
        with pytest.raises(KeyboardInterrupt):
            extraction.extract_subset("train", workers=0)
        with extraction.journal_path("train").open("a") as journal:
            journal.write(f"{stop},9,9,9,0,0")  # torn by the interruption
    assert len(done) == 3 and not paths.roi_index("train").exists()

    done = []
    monkeypatch.setattr(extraction, "extract_roi", lambda path: done.append(path.name) or extract_roi(path))
    extraction.extract_subset("train", workers=0)
    assert done == ["100003.mp4"]
    assert outputs() == straight


def test_a_volume_is_on_the_disk_before_the_journal_says_so(root, monkeypatch):
    make_videos(count=3)
    flush, flushed = paths.flush, []

    def flush_and_look(path):
        if path.suffix == ".pklz":
            assert path.name.removesuffix(".pklz") not in extraction.journal_path("train").read_text()
            flushed.append(path.name)
        flush(path)

    monkeypatch.setattr(paths, "flush", flush_and_look)
    extraction.extract_subset("train", workers=0)
    assert flushed == [f"10000{number}.mp4.pklz" for number in range(3)]


def test_two_extractions_at_once_are_refused(root):
    make_videos(count=1)
    with (
        extraction._journal("train"),
        pytest.raises(BusyError, match="the extraction of train is in use by process"),
    ):
        extraction.extract_subset("train", workers=0)


def test_script_quarantines_bad_videos(root):
    make_videos(count=2)
    make_videos("test", count=1)
    folder = paths.videos_folder("train")
    whole = (folder / "100000.mp4").read_bytes()
    (folder / "200000.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(folder / "200001.mp4", noise_frames(4))
    stale = paths.volume_path("train", "200001.mp4")
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an older video")

    result = run_script("--workers", "2")
    assert result.returncode == 2, result.stderr
    assert "200000.mp4: is cut off" in result.stderr and "200001.mp4: no outline in any" in result.stderr
    index = read_roi_index(paths.roi_index("train")).set_index("filename")
    assert index["status"].tolist() == ["ok", "ok", "quarantined", "quarantined"]
    assert "no outline" in index.loc["200001.mp4", "reason"]
    assert not stale.exists() and not paths.volume_path("train", "200000.mp4").exists()
    assert load_volume(paths.volume_path("test", "100000.mp4")).shape[0] == 6  # the others are done
    again = run_script("train", "--workers", "0", "--keep-going")
    assert again.returncode == 5 and "4 videos, 2 of them extracted before and to be verified" in again.stdout

    for name in ("200000.mp4", "200001.mp4"):
        (folder / name).unlink()
    assert run_script("train", "--workers", "0").returncode == 0


def test_dry_run_and_missing_videos_write_nothing(root):
    result = run_script("test")
    assert result.returncode == 2 and "no mp4 files in input/test" in result.stderr
    make_videos("test", count=1)
    assert run_script("test", "--dry-run").returncode == 0
    assert not paths.modified_data_folder().exists()
    with pytest.raises(InputError):
        extraction.list_videos("train")


def children_of(process):
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in listed if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers through Linux's /proc")
def test_a_killed_worker_is_an_error_and_nothing_is_lost(root):
    write_video(paths.videos_folder("train") / "100000.mp4", outlined_frames(6, [(10, 20, 60, 80)]))
    frames = outlined_frames(300, [(10, 20, 260, 280)], height=384, width=512)
    write_video(paths.videos_folder("train") / "100001.mp4", frames)
    command = [sys.executable, str(SCRIPT), "train", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    journal, deadline = extraction.journal_path("train"), time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and "ok" in journal.read_text()):
        time.sleep(0.02)
    for child in children_of(process):
        os.kill(child, signal.SIGKILL)
    killed = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "a worker process died" in errors and time.monotonic() - killed < 10
    assert extraction.plan("train")[0].known["status"] == "ok"
    assert not paths.volume_path("train", "100001.mp4").exists()
