"""What bench/scale.py compares: a hash that any other volume changes, and no agreement with files that do not agree."""

from pathlib import Path

import pytest
from clips import make_videos

from stagewise.crops import extraction
from stagewise.files import paths
from stagewise.files.shards import Shard
from stagewise.messages.errors import StagewiseError

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def runs(root, monkeypatch):
    """r01's runs in a root of their own, which is this process's root, too."""
    monkeypatch.syspath_prepend(str(BENCH))
    from shard_runs import Runs

    found = Runs(root / "own", "input")
    monkeypatch.setenv("STAGEWISE_ROOT", str(found.root))
    make_videos(count=3)
    return found


def test_the_hash_is_of_the_volumes_whoever_made_them(runs):
    extraction.extract_subset("train", 0)
    single = runs.hash()
    extraction.extract_subset("train", 0, force=True, shard=Shard(2, 1))
    with pytest.raises(StagewiseError, match=r"train\.1-of-2\.csv.* of shards were left over"):
        runs.hash()
    extraction.extract_subset("train", 0)
    assert runs.hash() == single
    (paths.videos_folder("train") / "100001.mp4").rename(paths.videos_folder("train") / "100009.mp4")
    (paths.volume_path("train", "100001.mp4")).unlink()
    extraction.extract_subset("train", 0)
    assert runs.hash() != single


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_volume_that_is_not_the_indexs_is_an_error(runs, change):
    extraction.extract_subset("train", 0)
    change(paths.volume_path("train", "100001.mp4"))
    with pytest.raises(StagewiseError, match="the index and the volumes differ"):
        runs.hash()


def test_a_run_that_fails_is_an_error_with_what_it_said(runs):
    runs.place = "s3://"
    with pytest.raises(
        StagewiseError, match=r"(?s)r01_extract_roi\.py .* exit code 2:.*it must be as s3://bucket/prefix"
    ):
        runs.whole()
