"""Shards: disjoint and complete parts of a command's work, which the command without a shard gathers."""

import collections
import subprocess
import sys
from pathlib import Path

import pytest
from clips import make_videos, noise_frames, write_video

from stagewise.crops import extraction
from stagewise.crops.roi import extract_roi
from stagewise.files import paths
from stagewise.files.journals import Index
from stagewise.files.locks import owned
from stagewise.files.shards import Shard, files_of_shards, gathered, parsed
from stagewise.messages.errors import BusyError

R01 = Path(__file__).parents[1] / "preproc_data" / "r01_extract_roi.py"
NAMES = [f"{number}.mp4" for number in range(100_000, 103_000)]
THREE = [Shard(3, number) for number in (1, 2, 3)]


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_shards_are_disjoint_and_complete_and_nearly_of_one_size(count):
    shards = [Shard(count, number) for number in range(1, count + 1)]
    sizes = collections.Counter(tuple(shard for shard in shards if shard.has(name)) for name in NAMES)
    assert {len(holders) for holders in sizes} == {1} and len(sizes) == count
    assert max(sizes.values()) < 1.4 * len(NAMES) / count


def test_the_shard_of_a_name_is_known_for_all_times():
    assert [parsed(f"{i}/20").has("100000.mp4") for i in range(1, 21)].index(True) == int("3abe0125", 16) % 20


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "3", "1/2/3", "-1/3", "1/3 ", "١/٣", "", "1/1000000"])
def test_what_is_no_shard_is_bad_usage(text):
    with pytest.raises(ValueError, match="shard"):
        parsed(text)


def test_files_of_shards_are_found_by_their_name_alone(tmp_path):
    table = tmp_path / "train.csv"
    others = ("train.csv", "test.1-of-3.csv", "train.1-of-3.journal", ".tmp-1-train.1-of-3.csv", "train.x-of-3.csv")
    for name in others:
        (tmp_path / name).touch()
    shards = [Shard(3, 1), Shard(3, 3), Shard(20, 19)]
    for shard in shards:
        shard.file(table).touch()
    assert list(files_of_shards(table)) == shards
    told = gathered(files_of_shards(table))
    assert told.startswith("gathers 2 of 3 and 1 of 20 shards; not there: 2/3, 1/20, ") and "..." not in told
    assert gathered(THREE) == "gathers 3 of 3 shards" and gathered([]) == ""
    assert not files_of_shards(tmp_path / "none" / "train.csv")


def test_rows_that_are_held_as_lines_are_what_was_written(tmp_path):
    rows = [{"name": 'a "b", c', "reason": ""}, {"name": "é", "reason": "x, y"}, {"name": "last"}]
    index = Index(tmp_path / "train.csv", ("name", "reason"), "a test")
    with index.journaling() as journal:
        for row in rows:
            journal.write(row)
        index.write(journal.rows)
    table = index.table.read_text()
    assert [*journal.rows] == [*index.known_rows().values()] == [*rows[:2], {"name": "last", "reason": ""}]
    assert table == 'name,reason\n"a ""b"", c",\né,"x, y"\nlast,\n'
    index.write(rows)
    assert index.table.read_text() == table


def outputs() -> dict[Path, bytes]:
    folder = paths.modified_data_folder()
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "train.lock"]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_shards_of_which_one_was_killed_and_one_never_ran_are_gathered_to_a_single_runs_bytes(root, monkeypatch):
    make_videos(count=12)
    write_video(paths.videos_folder("train") / "200001.mp4", noise_frames(4))
    extraction.extract_subset("train", 0)
    single = outputs()
    for path in single:
        (paths.modified_data_folder() / path).unlink()

    extraction.extract_subset("train", 0, shard=THREE[0])
    done = []

    def killed_at_the_second(video, codecs):
        if done:
            raise KeyboardInterrupt
        done.append(video.name)
        return extract_roi(video, codecs)

    monkeypatch.setattr(extraction, "extract_roi", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        extraction.extract_subset("train", 0, shard=THREE[1])
    assert not paths.roi_index("train").exists()
    monkeypatch.setattr(extraction, "extract_roi", lambda video, codecs: done.append(video.name) or extract_roi(video))
    extraction.extract_subset("train", 0)
    assert outputs() == single  # and no shard's table, journal or lock
    names = sorted(video.name for video in paths.videos_folder("train").iterdir())
    assert sorted(done) == [name for name in names if not THREE[0].has(name) or name == "200001.mp4"]


def test_a_gathered_volume_that_changed_since_is_made_again(root):
    make_videos(count=3)
    extraction.extract_subset("train", 0)
    single = outputs()
    for shard in THREE:
        extraction.extract_subset("train", 0, shard=shard)
    volume = paths.volume_path("train", "100001.mp4")
    volume.write_bytes(volume.read_bytes()[:-9])
    extraction.extract_subset("train", 0)
    assert outputs() == single


def test_shards_work_beside_each_other_and_the_whole_alone(root):
    first, second, whole = (extraction.index_of("train", shard) for shard in (*THREE[:2], None))
    with first.journaling(), second.journaling():
        with pytest.raises(BusyError, match=r"shard 1/3 of the extraction of train is in use by process \d+"):
            first.journaling().__enter__()
        with pytest.raises(BusyError, match="the extraction of train is in use by another process"):
            whole.journaling().__enter__()
    with whole.journaling(), pytest.raises(BusyError, match=r"the extraction of train is in use by process \d+"):
        first.journaling().__enter__()
    with owned(paths.roi_index("train").with_suffix(".lock"), "the packing of train"), pytest.raises(BusyError):
        first.journaling().__enter__()  # r05


def test_the_rules_of_quarantine_hold_in_shards_and_where_they_are_gathered(root):
    make_videos(count=4)
    make_videos("test", count=1)
    write_video(paths.videos_folder("train") / "200000.mp4", noise_frames(4))
    of = next(number for number in (1, 2) if Shard(2, number).has("200000.mp4"))
    bad, good = f"{of}/2", f"{3 - of}/2"
    assert run(R01, "--workers", "0", "--shard", good).returncode == 0
    refused = run(R01, "--workers", "0", "--shard", bad)
    assert refused.returncode == 2 and "train/200000.mp4: no outline in any" in refused.stderr
    going = run(R01, "--workers", "0", "--shard", bad, "--keep-going")
    assert going.returncode == 5 and going.stderr.endswith(
        f"wrote modified_data/roi_parts/train, modified_data/roi_parts/train.{of}-of-2.csv, "
        f"modified_data/roi_parts/test, modified_data/roi_parts/test.{of}-of-2.csv\n"
        "next: python preproc_data/r01_extract_roi.py --keep-going --workers 0\n"
    )
    shown = run(R01, "--dry-run").stdout
    assert "train: 5 videos, 4 of them extracted before and to be verified\n" in shown
    assert shown.count("\n  gathers 2 of 2 shards\n") == 2
    assert run(R01, "--workers", "0").returncode == 2
    assert run(R01, "--workers", "0", "--keep-going").returncode == 5
    assert not list(paths.roi_index("train").parent.glob("*-of-*"))
