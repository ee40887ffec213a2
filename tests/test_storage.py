"""Videos in a bucket: whatever the way there does to them, the volumes are those of the files, or nothing is made."""

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from clips import make_videos, outlined_frames, write_video
from fault_proxy import FAULTS, FOR_EVER
from house import started
from stored_videos import BUCKET, SETTINGS, asked, bucket_server

from stagewise.crops import extraction, fetching, input_videos, storage
from stagewise.crops.sources import Source, source_of
from stagewise.crops.storage import Bucket, Stored
from stagewise.data.tables import read_roi_index
from stagewise.files import paths
from stagewise.files.shards import Shard
from stagewise.messages.errors import InputError, StagewiseError
from stagewise.video.decoding import VideoError, read_frames
from stagewise.video.held import Held

SCRIPT = Path(__file__).parents[1] / "preproc_data" / "r01_extract_roi.py"
PLACE = f"s3://{BUCKET}/clog/loss"
MENDED = tuple(fault for fault in FAULTS if fault not in ("403", "404"))
SILENT = ("silent", "silent inside")  # for as long as a read may take
QUICK = {"init_backoff": timedelta(milliseconds=5), "max_backoff": timedelta(milliseconds=20), "base": 2.0}


@pytest.fixture(scope="module")
def served():
    with bucket_server() as proxy:
        yield proxy


@pytest.fixture
def proxy(root, served, monkeypatch):
    """The bucket's proxy without a fault, and this process as one that may ask it, with little patience."""
    served.faults, served.asked = {}, []
    for name, value in {**SETTINGS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{served.port}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage, "RETRY", {**storage.RETRY, "max_retries": 2, "backoff": QUICK})
    monkeypatch.setattr(storage, "CLIENT", {**storage.CLIENT, "read_timeout": timedelta(seconds=0.4)})
    monkeypatch.setattr(storage, "LONGEST_PAUSE", 0.0)
    storage._store.cache_clear()
    yield served
    for line in asked(served, "GET", "?list-type=2").decode().split("<Key>")[1:]:
        asked(served, "DELETE", quote(line.partition("</Key>")[0]))


def upload(proxy, subset="train"):
    """Put the videos of the root's input folder into the bucket. Returns: how many there are."""
    videos = input_videos.list_videos(subset)
    for video in videos:
        asked(proxy, "PUT", f"clog/loss/{subset}/{video.name}", video.read_bytes())
    return len(videos)


def put(proxy, content=bytes(range(256)) * 300):
    asked(proxy, "PUT", "clog/loss/train/a.mp4", content)
    return Stored(Bucket(PLACE), "train/a.mp4"), content


@pytest.mark.parametrize("fault", MENDED)
def test_a_fault_of_the_way_leaves_no_trace(proxy, fault):
    stored, content = put(proxy)
    proxy.faults = {"a.mp4": [fault]}
    assert stored.fetch().content == content
    assert len(proxy.asked) == 1 + (fault != "range ignored")


@pytest.mark.parametrize("faults", [["closed inside", "range ignored"], ["reset inside", "shorter length", "503"]])
def test_a_fault_while_another_is_mended_leaves_no_trace(proxy, faults):
    stored, content = put(proxy)
    proxy.faults = {"a.mp4": faults}
    assert stored.fetch().content == content and not proxy.faults["a.mp4"]


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[pytest.mark.slow] * (f in SILENT)) for f in MENDED if f != "range ignored"]
)
def test_a_fault_for_ever_is_an_error_that_names_the_object(proxy, fault):
    stored, _ = put(proxy)
    proxy.faults = {"a.mp4": [fault, FOR_EVER]}
    with pytest.raises(OSError, match=rf"{PLACE}/train/a\.mp4: 3 tries did not give it whole: \S"):
        stored.fetch()
    assert len(proxy.asked) <= storage.TRIES * (1 + storage.RETRY["max_retries"])


@pytest.mark.parametrize(
    ("fault", "kind", "mend"), [("403", StagewiseError, "add --unsigned; else set AWS_"), ("404", InputError, "--only")]
)
def test_a_refusal_is_told_at_once_with_its_mend(proxy, fault, kind, mend):
    stored, _ = put(proxy)
    proxy.faults = {"a.mp4": [fault]}
    with pytest.raises(kind, match=rf"^{PLACE}/train/a\.mp4 .*{mend}"):
        stored.fetch()
    assert len(proxy.asked) == 1
    with pytest.raises(InputError, match="is not there"):
        Stored(Bucket(PLACE), "train/b.mp4").fetch()


@pytest.mark.parametrize("fault", [None, "shorter length", "no length, cut", "chunked, ended", "closed inside"])
@pytest.mark.parametrize("listed", [True, False])
def test_of_an_object_whose_etag_is_no_md5_the_size_is_compared(proxy, monkeypatch, fault, listed):
    _, content = put(proxy)
    monkeypatch.setattr(storage, "MD5", storage.re.compile("of an object that was put in parts"))
    bucket = Bucket(PLACE)
    stored = (
        Stored(bucket, "train/a.mp4", *bucket.listed("train")["a.mp4"]) if listed else Stored(bucket, "train/a.mp4")
    )
    proxy.asked.clear()
    proxy.faults = {"a.mp4": [fault]}
    assert stored.fetch().content == content
    assert [request[0] for request in proxy.asked].count("HEAD") == (not listed) * (1 + (fault == "shorter length"))


def test_a_public_bucket_is_asked_unsigned(proxy, monkeypatch):
    stored, content = put(proxy)
    for bucket in (Bucket(PLACE), Bucket(PLACE, unsigned=True)):
        assert Stored(bucket, stored.key).fetch().content == content
        assert proxy.asked[-1][-1] == (not bucket.unsigned)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    with pytest.raises(StagewiseError, match="no AWS_ACCESS_KEY_ID is set; if the bucket is public, add --unsigned"):
        source_of(PLACE, unsigned=False, only=None)
    assert source_of(PLACE, unsigned=True, only=None).bucket.unsigned


def test_an_object_too_large_for_memory_is_the_videos_own_fault(proxy, monkeypatch):
    stored, content = put(proxy)
    monkeypatch.setattr(storage, "LARGEST_BYTES", len(content) - 1)
    with pytest.raises(VideoError, match=f"has {len(content)} bytes, .* copy it into a folder"):
        stored.fetch()


def test_frames_of_memory_are_frames_of_the_file(root):
    path = root / "a.mp4"
    write_video(path, outlined_frames(6, [(10, 20, 60, 80)]))
    content = path.read_bytes()
    frames = list(read_frames(Held("s3://bucket/a.mp4", content)))
    np.testing.assert_array_equal(frames, list(read_frames(path)))
    for length in range(0, len(content), len(content) // 59):
        with pytest.raises(VideoError, match=r"^video s3://bucket/a\.mp4: "):
            list(read_frames(Held("s3://bucket/a.mp4", content[:length])))


def volumes():
    folder = paths.roi_folder("train")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def but_for_etags():
    return read_roi_index(paths.roi_index("train"))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_volumes_of_a_bucket_are_those_of_the_folder(proxy, monkeypatch, workers):
    make_videos(count=5)
    upload(proxy)
    extraction.extract_subset("train", workers=0)
    of_files, index = volumes(), but_for_etags()
    faults = {"100000": ["flipped bit"], "100002": ["closed inside", "503"], "100003": ["shorter length"]}
    proxy.faults = {f"{name}.mp4": several for name, several in faults.items()}
    monkeypatch.setattr(fetching, "BATCH", 2)
    extraction.extract_subset("train", workers=workers, source=Source(Bucket(PLACE)))
    assert volumes() == of_files and but_for_etags().equals(index)


def test_what_is_whole_is_kept_by_its_etag_and_one_listing(proxy, monkeypatch):
    make_videos(count=4)
    count = upload(proxy)
    source = Source(Bucket(PLACE))
    extraction.extract_subset("train", workers=0, source=source)
    before = volumes()
    asked(proxy, "PUT", "clog/loss/train/100001.mp4", (paths.videos_folder("train") / "100003.mp4").read_bytes())
    paths.volume_path("train", "100002.mp4").write_bytes(b"half a volume")
    proxy.asked.clear()
    rows = extraction.extract_subset("train", workers=0, source=Source(Bucket(PLACE)))
    keys = [path.partition("?")[0].rpartition("/")[2] for _, path, *_ in proxy.asked]
    assert sorted(keys[1:]) == ["100001.mp4", "100002.mp4"] and "list-type" in proxy.asked[0][1]
    assert len(rows) == count and rows[1]["sha256"] == rows[3]["sha256"]
    assert {name: content for name, content in volumes().items() if "100001" not in name}.items() <= before.items()
    done = []
    monkeypatch.setattr(extraction, "extract_roi", lambda video, codecs: done.append(video.name))
    with pytest.raises(AttributeError):  # a file of the same name is another video, until it was extracted
        extraction.extract_subset("train", workers=0)
    assert done == ["100000.mp4"]


def test_an_index_of_before_is_read_and_gets_the_column(root):
    make_videos(count=2)
    extraction.extract_subset("train", workers=0)
    new = paths.roi_index("train").read_text()
    lines = [line.rpartition(",")[0] for line in new.splitlines()]
    paths.roi_index("train").write_text("\n".join(lines) + "\n")
    assert len(read_roi_index(paths.roi_index("train"))) == 2
    torn = lines[1].rpartition(",")[0].replace("100000", "100009")  # of a journal, which has no header: never whole
    for cells in (f"{torn},", f"{torn},other pix", f'{torn},"boxes differ, other'):
        paths.roi_index("train").with_suffix(".journal").write_text(f"{cells}\n")
        assert "100009.mp4" not in extraction.index_of("train").known_rows()
    paths.roi_index("train").with_suffix(".journal").unlink()
    assert all(extraction.is_whole(task) for task in extraction.plan("train"))
    extraction.extract_subset("train", workers=0)
    assert paths.roi_index("train").read_text() == new


def test_a_fault_for_ever_is_not_the_videos_and_what_is_done_stays(proxy, monkeypatch):
    make_videos(count=4)
    upload(proxy)
    monkeypatch.setattr(fetching, "BATCH", 2)
    proxy.faults = {"100002.mp4": ["503", FOR_EVER]}
    with pytest.raises(OSError, match=r"100002\.mp4: 3 tries"):
        extraction.extract_subset("train", workers=0, source=Source(Bucket(PLACE)))
    assert not paths.roi_index("train").exists() and extraction.plan("train")[1].known["status"] == "ok"
    proxy.faults, proxy.asked = {}, []
    rows = extraction.extract_subset("train", workers=0, source=Source(Bucket(PLACE)))
    assert [row["status"] for row in rows] == ["ok"] * 4 and len(proxy.asked) == 3  # a listing, and two videos


def test_a_bad_video_of_a_bucket_is_quarantined_as_one_of_a_folder(proxy):
    make_videos(count=2)
    video = paths.videos_folder("train") / "100001.mp4"
    video.write_bytes(video.read_bytes()[:-100])
    upload(proxy)
    rows = extraction.extract_subset("train", workers=0, source=Source(Bucket(PLACE)))
    assert [row["status"] for row in rows] == ["ok", "quarantined"]
    assert rows[1]["reason"] == extraction.extract_subset("train", workers=0)[1]["reason"]


def test_names_come_from_the_metadata_and_else_from_one_listing(proxy):
    make_videos(count=3)
    upload(proxy)
    asked(proxy, "PUT", "clog/loss/train/notes.txt", b"text")
    table = paths.input_folder() / "train_metadata.csv"
    table.write_text("filename,project_id\n100002.mp4,a\n100000.mp4,b\n")
    source = Source(Bucket(PLACE))
    assert [video.name for video in source.videos("train")] == ["100000.mp4", "100002.mp4"] and not proxy.asked
    table.write_text("Filename,FILENAME\n100002,100000\n")
    with pytest.raises(InputError, match="has no column filename"):
        source.videos("train")
    table.write_text("Filename,project_id\n100002,a\n100000,b\n")  # whose suffix only the bucket knows
    assert [video.name for video in source.videos("train")] == [f"10000{number}.mp4" for number in range(3)]
    assert source.passed_over("train")[0].startswith("1 objects that are no videos") and len(proxy.asked) == 1
    table.write_text("filename,project_id\n100009.mp4,a\n")
    with pytest.raises(
        InputError, match=rf"1 videos of input/train_metadata\.csv, first 100009\.mp4, .* {PLACE}/train;"
    ):
        source.videos("train", compared=True)
    table.unlink()
    assert source.subsets() == ("train",)
    with pytest.raises(InputError, match=rf"no videos in {PLACE}/test"):
        source.videos("test")


def test_only_the_videos_of_a_table_are_extracted_and_rows_of_others_are_kept(proxy):
    make_videos(count=4)
    upload(proxy)
    table = paths.root() / "mine.csv"
    for names, there in (("100003.mp4\n100001", [1, 3]), ("100000.mp4", [0, 1, 3])):
        table.write_text(f"filename\n{names}\n")
        source = source_of(PLACE, False, table)
        rows = extraction.extract_subset("train", workers=0, source=source)
        assert len(rows) == len(names.split())
        index = read_roi_index(paths.roi_index("train"))
        assert index["filename"].tolist() == [f"10000{number}.mp4" for number in there]
    metadata = paths.input_folder() / "train_metadata.csv"  # of more than the bucket has, one of them twice
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text("filename\n" + "".join(f"10000{number}.mp4\n" for number in (3, 1, 3, 5, 0)))
    for shard in (Shard(1, 2), Shard(2, 2), None):
        source = source_of(PLACE, False, table)
        extraction.extract_subset("train", workers=0, source=source, shard=shard)
    assert read_roi_index(paths.roi_index("train"))["filename"].tolist() == ["100000.mp4", "100001.mp4", "100003.mp4"]
    metadata.unlink()
    table.write_text("filename\n100000\n100007.mp4\n")
    source = source_of(PLACE, False, table)
    with pytest.raises(InputError, match=r"mine\.csv: 1 of its names, first '100007\.mp4', are no videos in s3"):
        source.require_all(source.videos("train"), table, ("train",))


@pytest.mark.parametrize("name", ["a b.mp4", "ü#1.mp4", "50%25.mp4", "a+b=c,d.mp4", "tilde~(1).MP4"])
def test_a_name_that_an_address_must_spell_otherwise_is_listed_and_fetched(proxy, name):
    asked(proxy, "PUT", f"clog/loss/train/{quote(name)}", name.encode())
    video = Source(Bucket(PLACE)).videos("train")[0]
    assert video.name == name and video.fetch().content == name.encode()


def test_two_videos_are_fetched_while_one_is_decoded():
    begun, going_on = [], threading.Event()

    def fetch(number):
        begun.append(number)
        return going_on.wait(10)

    going_on.set()
    rows = fetching.ahead(fetch, range(6))
    assert next(rows) == (0, True)
    going_on.clear()
    for number in range(1, 4):
        while len(begun) < number + 2:
            time.sleep(0.01)
        time.sleep(0.05)
        assert sorted(begun) == [*range(number + 2)]
        going_on.set()
        assert next(rows) == (number, True)
        going_on.clear()
    going_on.set()
    assert [number for number, _ in rows] == [4, 5]


@pytest.mark.parametrize("asked_for", ["s3:/videos", "s3://", "gs://videos/a", "https://videos.s3.amazonaws.com/"])
def test_what_is_no_bucket_is_refused(root, asked_for):
    with pytest.raises(InputError, match=r"s3://bucket/prefix|no videos"):
        source_of(asked_for, True, None).videos("train")


def run_script(*arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_script_reads_a_bucket_in_place(proxy):
    make_videos(count=2)
    make_videos("test", count=1)
    upload(proxy)
    upload(proxy, "test")
    whole = paths.input_folder().rename(paths.root() / "elsewhere")
    done = run_script("--input", PLACE, "--unsigned", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "next: python preproc_data/r02_verify_data.py --workers 1"
    assert not any(signed for *_, signed in proxy.asked)
    of_bucket = volumes()
    done = run_script("train", "--input", str(whole), "--workers", "0", "--force")
    assert done.returncode == 0 and volumes() == of_bucket, done.stderr
    proxy.faults = {"100001.mp4": ["403"]}
    done = run_script("train", "--input", PLACE, "--unsigned", "--workers", "1", "--force")
    assert (
        done.returncode == 1 and "leave --unsigned out, and set AWS_" in done.stderr and "Traceback" not in done.stderr
    )
    proxy.faults = {"100001.mp4": ["404"]}
    done = run_script("train", "--input", PLACE, "--workers", "0")
    assert done.returncode == 2 and f"error: {PLACE}/train/100001.mp4 is not there" in done.stderr


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_a_bucket_that_says_nothing(proxy):
    make_videos(count=2)
    upload(proxy)
    proxy.faults = {"100001.mp4": ["silent", FOR_EVER]}
    command = [sys.executable, str(SCRIPT), "train", "--input", PLACE, "--workers", "1"]
    process = started(command)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any("100001" in path for _, path, *_ in proxy.asked):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - began < 20  # a read alone may take 30
    assert "interrupted; run the same command to resume" in errors and "Traceback" not in errors
