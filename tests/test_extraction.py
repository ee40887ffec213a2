"""Extraction never leaves or trusts a file that is not whole, whatever stops it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clips import ORANGE, make_videos, noise_frames, outlined_frames, write_video

from stagewise.crops import extraction
from stagewise.crops.input_videos import list_videos
from stagewise.crops.roi import extract_roi
from stagewise.data.tables import read_roi_index
from stagewise.files import paths, writers
from stagewise.messages.errors import BusyError, InputError
from stagewise.volumes.pklz import load_volume

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r01_extract_roi.py"


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("there", "absent"), [("train", "test"), ("test", "train")])
def test_without_one_of_the_sets_the_other_is_extracted_and_that_is_said(root, there, absent):
    make_videos(there, 1)
    paths.videos_folder(absent).mkdir()
    (paths.videos_folder(absent) / ".gitkeep").touch()
    done = run_script("--workers", "0")
    assert done.returncode == 0, done.stderr
    assert f"{absent}: nothing in input/{absent}, left out" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: python preproc_data/r02_verify_data.py --workers 0"
    assert paths.roi_index(there).exists() and not paths.roi_index(absent).exists()
    done = run_script(absent)
    assert done.returncode == 2 and f"input/{absent}" in done.stderr


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
    monkeypatch.setattr(extraction, "extract_roi", lambda path, codecs: done.append(path.name) or extract_roi(path))
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
    writers.temporary(path.with_name("100000.mp4.pklz")).write_bytes(b"half a volume")
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

        def interrupted(path, codecs, stop=stop, done=done):
            if path.name == stop:
                raise KeyboardInterrupt
            done.append(path.name)
            return extract_roi(path)

        monkeypatch.setattr(extraction, "extract_roi", interrupted)
        with pytest.raises(KeyboardInterrupt):
            extraction.extract_subset("train", workers=0)
        with extraction.index_of("train").journal.open("a") as journal:
            journal.write(f"{stop},9,9,9,0,0")  # torn by the interruption
    assert len(done) == 3 and not paths.roi_index("train").exists()

    done = []
    monkeypatch.setattr(extraction, "extract_roi", lambda path, codecs: done.append(path.name) or extract_roi(path))
    extraction.extract_subset("train", workers=0)
    assert done == ["100003.mp4"]
    assert outputs() == straight


def test_a_volume_is_on_the_disk_before_the_journal_says_so(root, monkeypatch):
    make_videos(count=3)
    flush, flushed = paths.flush, []

    def flush_and_look(path):
        if path.suffix == ".pklz":
            assert path.name.removesuffix(".pklz") not in extraction.index_of("train").journal.read_text()
            flushed.append(path.name)
        flush(path)

    monkeypatch.setattr(paths, "flush", flush_and_look)
    extraction.extract_subset("train", workers=0)
    assert flushed == [f"10000{number}.mp4.pklz" for number in range(3)]


def test_a_volume_is_there_all_the_while_that_it_is_made_a_second_time(root, monkeypatch):
    make_videos(count=1)
    extraction.extract_subset("train", workers=0)
    volume = paths.volume_path("train", "100000.mp4")

    def extract_and_look(path, codecs):
        assert volume.exists()
        return extract_roi(path, codecs)

    monkeypatch.setattr(extraction, "extract_roi", extract_and_look)
    before = outputs()
    extraction.extract_subset("train", workers=0, force=True)
    assert outputs() == before


def test_two_extractions_at_once_are_refused(root):
    make_videos(count=1)
    with (
        extraction.index_of("train").journaling(),
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
    frames = outlined_frames(6, [(10, 20, 60, 80)])
    frames[3][90:92, 120:122] = ORANGE
    write_video(folder / "100002.mp4", frames)
    stale = paths.volume_path("train", "200001.mp4")
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an older video")

    result = run_script("--workers", "2")
    assert result.returncode == 2, result.stderr
    assert "200000.mp4: is cut off" in result.stderr and "200001.mp4: no outline in any" in result.stderr
    index = read_roi_index(paths.roi_index("train")).set_index("filename")
    assert index["status"].tolist() == ["ok", "ok", "ok", "quarantined", "quarantined"]
    assert index["reason"].tolist()[:2] == ["", ""]
    doubt = index.loc["100002.mp4", "reason"]
    assert (
        doubt.startswith("cut by its outline alone") and f"\n  in doubt: train/100002.mp4: {doubt}\n" in result.stdout
    )
    assert "no outline" in index.loc["200001.mp4", "reason"]
    assert not stale.exists() and not paths.volume_path("train", "200000.mp4").exists()
    assert load_volume(paths.volume_path("test", "100000.mp4")).shape[0] == 6  # the others are done
    again = run_script("train", "--workers", "0", "--keep-going")
    assert again.returncode == 5 and "5 videos, 3 of them extracted before and to be verified" in again.stdout

    for name in ("200000.mp4", "200001.mp4"):
        (folder / name).unlink()
    assert run_script("train", "--workers", "0").returncode == 0


def test_dry_run_and_missing_videos_write_nothing(root):
    result = run_script("test")
    assert result.returncode == 2 and "no videos (.mp4, .mov" in result.stderr
    make_videos("test", count=1)
    assert run_script("test", "--dry-run").returncode == 0
    assert not paths.modified_data_folder().exists()
    with pytest.raises(InputError):
        list_videos("train")


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
    journal, deadline = extraction.index_of("train").journal, time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and "ok" in journal.read_text()):
        time.sleep(0.02)
    for child in children_of(process):
        os.kill(child, signal.SIGKILL)
    killed = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "a worker process died" in errors and time.monotonic() - killed < 10
    assert extraction.plan("train")[0].known["status"] == "ok"
    assert not paths.volume_path("train", "100001.mp4").exists()
