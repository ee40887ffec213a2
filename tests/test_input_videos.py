"""Whatever lies in an input folder is a video, or is counted and named."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from clips import make_videos, noise_frames, outlined_frames, write_video

from stagewise.checks.verification import verify
from stagewise.crops import extraction
from stagewise.crops.input_videos import list_videos, passed_over
from stagewise.data.tables import read_roi_index
from stagewise.files import paths
from stagewise.messages.commands import CONVERT, CONVERT_TIFF
from stagewise.messages.errors import InputError

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r01_extract_roi.py"


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(root):
    """input/train with a video of each suffix, two of one stem among them, and much else."""
    make_videos(count=1)
    made = paths.videos_folder("train")
    videos = {"100000.avi": "mjpeg", "100001.MOV": "libx264", "100002.mkv": "ffv1", "1.webm": "libvpx-vp9"}
    for name, codec in videos.items():
        write_video(made / name, outlined_frames(4, [(10, 20, 60, 80)]), codec)
    for name in ("a.gif", "b.wmv", "c.tif", "d.TIFF", "Thumbs.db", ".100000.mp4", "more/e.mp4", "more/deep/f.avi"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(b"x")
    shutil.copy(made / "100000.mp4", made / "200000")
    return made


def test_videos_of_every_suffix_are_listed_and_the_rest_is_counted_by_kind(folder):
    names = ["1.webm", "100000.avi", "100000.mp4", "100001.MOV", "100002.mkv"]
    assert [path.name for path in list_videos("train")] == names
    told = "\n".join(passed_over("train"))
    for line in (
        "1 hidden file (.100000.mp4)",
        "2 files in a sub-folder (more/deep/f.avi, more/e.mp4): move the videos among them up",
        "1 video without a video's suffix (200000): give it one of .mp4",
        f"2 TIFF files (c.tif, d.TIFF): convert it if it is a video: {CONVERT_TIFF}",
        f"2 files of a type that is not read (a.gif, b.wmv): convert it: {CONVERT}",
        "1 other file (Thumbs.db): no video by its name",
    ):
        assert line in told
    assert len(told.splitlines()) == 6
    rows = extraction.extract_subset("train", workers=0)
    assert [(row["filename"], row["status"]) for row in rows] == [(name, "ok") for name in names]
    assert all(paths.volume_path("train", name).name == f"{name}.pklz" for name in names)


def test_the_check_of_the_data_tells_what_was_passed_over(folder):
    extraction.extract_subset("train", workers=0)
    told = [f"train: passed over: {line}" for line in passed_over("train")]
    assert set(told) < set(verify(None, 0).notes)


def test_a_folder_without_videos_says_what_is_in_it(root):
    made = paths.videos_folder("train")
    made.mkdir(parents=True)
    (made / "a\n.gif").write_bytes(b"x")
    with pytest.raises(InputError, match=r"no videos \(\.mp4, .*over there: 1 file of a type that is not read") as told:
        list_videos("train")
    assert str(told.value).isprintable()


def unreadable(folder):
    """Videos that no one can read, by name, and why."""
    (folder / "200000.mp4").symlink_to(folder / "gone" / "1.mp4")
    (folder / "200001.mp4").symlink_to("200001.mp4")
    os.mkfifo(folder / "200002.mp4")
    (folder / "200003.mp4").mkdir()
    return {
        "200000.mp4": "cannot be read: No such file or directory, and is a link to ",
        "200001.mp4": "cannot be read: Too many levels of symbolic links",
        "200002.mp4": "is not a file",
        "200003.mp4": "is not a file",
    }


def test_a_path_that_cannot_be_read_is_set_aside_and_the_others_go_on(root):
    make_videos(count=2)
    folder = paths.videos_folder("train")
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").touch()
    bad = unreadable(folder)
    write_video(folder / "200004.avi", noise_frames(3), "mjpeg")
    bad["200004.avi"] = "holds mjpeg video, which is none of the codecs read; allow it: "
    result = run_script("train", "--workers", "2", "--codecs", "h264")
    assert result.returncode == 2 and "5 of the videos quarantined" in result.stderr
    assert "passed over: 1 file in a sub-folder (notes/a.txt): move" in result.stdout
    index = read_roi_index(paths.roi_index("train")).set_index("filename")
    for name, reason in bad.items():
        assert index.loc[name, "reason"].startswith(reason) and f"{name}: {reason}" in result.stderr
    (folder / "200000.mp4").unlink()
    shutil.copy(folder / "100000.mp4", folder / "200000.mp4")  # it is tried again
    rows = extraction.extract_subset("train", workers=0)
    assert [row["status"] for row in rows] == ["ok"] * 3 + ["quarantined"] * 4


def test_an_error_of_more_than_one_video_is_raised(root):
    make_videos(count=1)
    video = paths.videos_folder("train") / "100000.mp4"
    stale, disk = (OSError(number, os.strerror(number), str(video)) for number in (errno.ESTALE, errno.EIO))
    assert extraction._reason(stale, video) == "cannot be read: Stale file handle"
    volume = PermissionError(errno.EACCES, "Permission denied", str(paths.volume_path("train", video.name)))
    video_gone = FileNotFoundError(errno.ENOENT, "No such file or directory", str(video.with_name("2.mp4")))
    for error, path in ((disk, video), (volume, video), (video_gone, video.with_name("2.mp4"))):
        with pytest.raises(type(error)):
            extraction._reason(error, path)


def test_a_video_whose_source_is_gone_loses_its_volume_and_no_other_does(root):
    make_videos(count=2)
    video = paths.videos_folder("train") / "100001.mp4"
    elsewhere = root / "elsewhere.mp4"
    video.replace(elsewhere)
    video.symlink_to(elsewhere)
    extraction.extract_subset("train", workers=0)
    elsewhere.unlink()
    assert [row["status"] for row in extraction.extract_subset("train", workers=0)] == ["ok", "quarantined"]
    assert paths.volume_path("train", "100000.mp4").exists() and not paths.volume_path("train", video.name).exists()


@pytest.fixture
def as_nobody(monkeypatch):
    """A root folder that every user may write to, and the rights of one who is not root."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        Path(folder).chmod(0o777)
        monkeypatch.setenv("STAGEWISE_ROOT", folder)
        make_videos(count=2)
        os.seteuid(65534)
        yield paths.videos_folder("train")
        os.seteuid(0)


def test_a_video_without_rights_is_set_aside_and_a_folder_without_them_ends_the_run(as_nobody):
    os.seteuid(0)
    (as_nobody / "100001.mp4").chmod(0)
    (as_nobody / "closed").mkdir(0o700)
    os.seteuid(65534)
    assert passed_over("train")[0].startswith("1 file in a sub-folder (closed)")
    rows = extraction.extract_subset("train", workers=0)
    assert [row["reason"] for row in rows] == ["", "cannot be read: Permission denied"]
    os.seteuid(0)
    as_nobody.chmod(0o744)  # its names can be read, and nothing in it
    os.seteuid(65534)
    with pytest.raises(PermissionError):
        extraction.extract_subset("train", workers=0)
