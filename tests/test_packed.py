"""Volumes packed into one file are read as they are from their own, and whatever befalls that file is found."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import numpy as np
import pytest
import tiny
from clips import make_videos
from house import main_of
from lmdb.verify import verify
from test_verification import TRAIN, change, data, findings, make_volumes

from stagewise.checks.verification import verify as verify_data
from stagewise.data.batches import TrainingBatches
from stagewise.data.clips import volumes_of
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.files.locks import owned
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import BusyError, InputError
from stagewise.training.plans import plan_training
from stagewise.volumes import packing
from stagewise.volumes.lmdb_file import LmdbFile, LmdbFileError
from stagewise.volumes.packed import Pack, PackError
from stagewise.volumes.packing import pack_volumes, unfinished_pack
from stagewise.volumes.pklz import VolumeError, load_volume, save_volume

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / "preproc_data" / "r05_pack_volumes.py"
__all__ = ["data"]  # a fixture: whole data of six training and two test videos


@pytest.fixture
def folder(root):
    """A folder of volumes."""
    return paths.roi_folder("train")


def make_files(folder, count, size):
    """Files of noise under the names of volumes. Returns: the sha256 of each by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    generator, wanted = np.random.default_rng(0), {}
    for number in range(count):
        content = generator.bytes(size)
        path = folder / f"{100000 + number}.mp4.pklz"
        path.write_bytes(content)
        wanted[path.name] = hashlib.sha256(content).hexdigest()
    return wanted


def make_packed(folder, count=12):
    """Small volumes, packed; their own files are gone. Returns: the volumes by their paths."""
    generator, volumes, wanted = np.random.default_rng(1), {}, {}
    for number in range(count):
        volume = generator.integers(0, 256, (3, 5 + number, 9, 3), dtype=np.uint8)
        path = folder / f"{100000 + number}.mp4.pklz"
        wanted[path.name] = save_volume(path, volume, durable=False)
        volumes[path] = volume
    pack_volumes(folder, wanted, "index")
    shutil.rmtree(folder)
    return volumes


def run_script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    main_of(SCRIPT)()


def contents(path):
    """What the library reads."""
    with lmdb.open(str(path), subdir=False, lock=False, readonly=True) as environment, environment.begin() as reading:
        return dict(reading.cursor())


@pytest.mark.parametrize("sizes", [(0, 30), (1900, 2100), (4000, 4200), (9000, 40000)], ids=str)
@pytest.mark.parametrize("count", [0, 1, 30, 700])
def test_what_the_library_wrote_is_read_as_it_reads_it(tmp_path, count, sizes):
    path, generator = tmp_path / "some.lmdb", np.random.default_rng(count)
    with lmdb.open(str(path), subdir=False, lock=False, map_size=1 << 28) as environment:
        for part in range(4):  # also over what was written before, and without some of it
            with environment.begin(write=True) as writing:
                for number in generator.permutation(count)[: count // (1 + part)]:
                    writing.put(b"%d.mp4.pklz" % number, generator.bytes(generator.integers(*sizes)))
                for number in generator.permutation(count)[: count // 5]:
                    writing.delete(b"%d.mp4.pklz" % number)
    file, wanted = LmdbFile(path), contents(path)
    assert list(file) == list(wanted)
    assert {key: file.read(*file.find(key)) for key in file} == wanted
    assert file.find(b"") is file.find(b"absent") is file.find(b"zzz") is None


def test_packed_volumes_are_those_of_their_files(folder):
    for path, volume in make_packed(folder).items():
        assert not path.exists()
        np.testing.assert_array_equal(load_volume(path), volume)
    with pytest.raises(VolumeError, match=r"train\.lmdb/1\.mp4\.pklz: is not there; copy .*r05_pack_volumes\.py"):
        load_volume(folder / "1.mp4.pklz")


@pytest.mark.parametrize("recipe", tiny.RECIPES)
@pytest.mark.parametrize("workers", [0, 2])
def test_training_batches_are_the_same_from_either_storage(root, recipe, workers):
    table, stage = tiny.write_volumes("train", 12), tiny.RECIPES[recipe]()
    volumes = [paths.volume_path("train", filename) for filename in table["filename"]]
    batches = TrainingBatches(stage, volumes, table["stalled"], fold=0, seed=1)
    with WorkerPool(workers) as pool:
        files = [(clips.copy(), stalled) for clips, stalled in batches.stream(pool, 0)]
    pack_volumes(volumes[0].parent, {path.name: paths.sha256_of(path) for path in volumes}, "index")
    shutil.rmtree(volumes[0].parent)
    with WorkerPool(workers) as pool:
        packed = [(clips.copy(), stalled) for clips, stalled in batches.stream(pool, 0)]
    assert len(packed) == len(files) > 1
    for (clips, stalled), (same_clips, same_stalled) in zip(files, packed, strict=True):
        np.testing.assert_array_equal(clips, same_clips)
        np.testing.assert_array_equal(stalled, same_stalled)


def test_a_plan_says_that_its_volumes_are_packed_and_names_the_missing(root):
    table = tiny.write_split()
    plain = str(plan_training(tiny.recipe(), read_split(None), 0, 0))
    folder = paths.roi_folder("train")
    pack_volumes(folder, {path.name: paths.sha256_of(path) for path in folder.iterdir()}, "index")
    shutil.rmtree(folder)
    plan = plan_training(tiny.recipe(), read_split(None), 0, 0)
    assert str(plan) == f"{plain}\n  volumes: modified_data/roi_parts/train.lmdb"
    with pytest.raises(InputError, match=r"no volume 9\.mp4\.pklz in modified_data/roi_parts/train\.lmdb; run: .*r01_"):
        volumes_of("train", [*table["filename"], "9.mp4"], read_split(None))


def test_a_thousand_tiny_clips_fit_and_whatever_else_does(folder):
    wanted = make_files(folder, 1000, 10_000)
    pack_volumes(folder, wanted, "index")
    packed = paths.packed_volumes(folder)
    assert packed.stat().st_size > 8 * packing.FIRST_MAP  # it has grown
    assert not unfinished_pack(folder).exists() and verify(str(packed)) == []
    found = contents(packed)
    assert len(found) == 1001
    assert all(hashlib.sha256(found[name.encode()][len(name) :]).hexdigest() == wanted[name] for name in wanted)


PACKING = """
import sys
import time
from pathlib import Path
from stagewise.files import paths
from stagewise.volumes import packing

packing.BATCH = 100_000
content, unfinished, most = packing._content, Path(sys.argv[1]), int(sys.argv[2])

def content_or_wait(*arguments):  # for the kill, however late a busy machine lets it come
    if unfinished.stat().st_size > most:
        time.sleep(60)
    return content(*arguments)

packing._content = content_or_wait
folder = paths.roi_folder("train")
packing.pack_volumes(folder, {path.name: paths.sha256_of(path) for path in sorted(folder.iterdir())}, "index")
"""


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_after_a_kill_packing_goes_on(folder, share, capsys):
    wanted = make_files(folder, 400, 20_000)
    unfinished, enough = unfinished_pack(folder), share * 400 * 20_000
    process = subprocess.Popen([sys.executable, "-c", PACKING, str(unfinished), str(int(enough + 300_000))])
    while not unfinished.exists() or unfinished.stat().st_size < enough:
        assert process.poll() is None
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not paths.packed_volumes(folder).exists()
    held = pack_volumes(folder, wanted, "index")
    assert share * 400 * 0.8 <= held + 10 <= 410
    found = contents(paths.packed_volumes(folder))
    assert found.keys() == {name.encode() for name in wanted} | {packing.INDEX_SHA256}
    assert all(hashlib.sha256(found[name.encode()][len(name) :]).hexdigest() == wanted[name] for name in wanted)


@pytest.mark.parametrize("change", ["cut", "emptied", "scribbled on", "of another kind"])
def test_an_unfinished_file_that_is_damaged_is_begun_anew(folder, change, capsys):
    volumes = make_packed(folder)
    packed, unfinished = paths.packed_volumes(folder), unfinished_pack(folder)
    content = bytearray(packed.read_bytes())
    if change == "scribbled on":
        content[2 * 4096 + 16 : 3 * 4096] = bytes(4080)
    unfinished.write_bytes(content[: {"cut": -5000, "emptied": 0}.get(change)])
    if change == "of another kind":
        unfinished.unlink()
        lmdb.open(str(unfinished), subdir=False, lock=False, lib_version=1).close()
    wanted = {path.name: hashlib.sha256(contents(packed)[path.name.encode()][len(path.name) :]).hexdigest()
              for path in volumes}  # fmt: skip
    assert pack_volumes(folder, wanted, "another") == 0  # all of them from what was packed before
    assert "train.lmdb.unfinished is damaged, and begun anew" in capsys.readouterr().out
    for path, volume in volumes.items():
        np.testing.assert_array_equal(load_volume(path), volume)


def test_what_an_unfinished_file_holds_of_another_index_is_left_out(folder):
    wanted = make_files(folder, 200, 20_000)
    pack_volumes(folder, wanted, "index")
    paths.packed_volumes(folder).rename(unfinished_pack(folder))  # as a kill leaves it just before its end; it is full
    kept = dict(list(wanted.items())[:150])
    assert pack_volumes(folder, kept, "another") == 150
    found = contents(paths.packed_volumes(folder))
    assert found.pop(packing.INDEX_SHA256) == b"another"
    assert found.keys() == {name.encode() for name in kept}


def read_all(volumes):
    """How many are refused; the others are as they were."""
    refused = 0
    for path, volume in volumes.items():
        try:
            np.testing.assert_array_equal(load_volume(path), volume)
        except (VolumeError, PackError) as error:
            assert "copy the file again, or run: python preproc_data/r05_pack_volumes.py train --force" in str(error)
            refused += 1
    return refused


def test_a_changed_byte_anywhere_never_changes_a_pixel_and_ends_no_process(folder):
    volumes = make_packed(folder)
    packed = paths.packed_volumes(folder)
    whole, generator = packed.read_bytes(), np.random.default_rng(2)
    counted = []
    pages = [0, 1, *(number for number in range(len(whole) // 4096) if whole[number * 4096 + 10] in (1, 2))]
    places = [page * 4096 + generator.integers(200) for page in pages for _ in range(60)]
    places += list(generator.integers(0, len(whole), 200))
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << generator.integers(8)
        packed.write_bytes(changed)
        os.utime(packed, ns=(0, len(counted)))
        counted.append(read_all(volumes))
    assert counted.count(0) > 20 and counted.count(1) > 20 and counted.count(len(volumes)) > 20


def test_a_volume_is_not_shown_under_the_name_of_another(folder):
    wanted = make_files(folder, 3, 9000)
    pack_volumes(folder, wanted, "index")
    path = paths.packed_volumes(folder)
    content = bytearray(path.read_bytes())
    leaf = LmdbFile(path).meta.root * 4096
    one, other = (content.index(name.encode(), leaf, leaf + 4096) + len(name) for name in sorted(wanted)[:2])
    content[one : one + 8] = content[other : other + 8]  # the page that the value begins on; they are equally long
    path.write_bytes(content)
    with pytest.raises(LmdbFileError, match="lies under another name"):
        Pack(path).open(min(wanted))
    assert Pack(path).open(max(wanted)).read() == (folder / max(wanted)).read_bytes()


def test_a_file_that_is_cut_off_anywhere_is_refused(folder):
    volumes = make_packed(folder)
    packed = paths.packed_volumes(folder)
    whole = packed.read_bytes()
    for size in (0, 1, 100, 4096, 4200, 8192, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        packed.write_bytes(whole[:size])
        assert read_all(volumes) == len(volumes)
    packed.write_bytes(whole)
    assert read_all(volumes) == 0


@pytest.mark.parametrize("content", [b"", b"no LMDB file" * 1000], ids=["empty", "another"])
def test_what_is_no_packed_file_is_refused(folder, content):
    folder.mkdir(parents=True)
    paths.packed_volumes(folder).write_bytes(content)
    with pytest.raises(PackError, match=r"packed volumes modified_data/roi_parts/train\.lmdb: is .*r05_pack_volumes"):
        load_volume(folder / "1.mp4.pklz")


def test_a_page_that_leads_back_to_itself_ends(folder):
    folder.mkdir(parents=True)
    path = folder / "some.lmdb"
    with lmdb.open(str(path), subdir=False, lock=False) as environment:
        for start in range(0, 300, 20):
            with environment.begin(write=True) as writing:
                for number in range(start, start + 20):
                    writing.put(b"%d.mp4.pklz" % number, bytes(30))
    whole = bytearray(path.read_bytes())
    root = LmdbFile(path).meta.root
    assert whole[root * 4096 + 10] == 1  # a branch
    for node in (0, 1):  # both lead to the branch
        at = root * 4096 + int.from_bytes(whole[root * 4096 + 16 + 2 * node :][:2], "little")
        whole[at : at + 4] = root.to_bytes(4, "little")
    path.write_bytes(whole)
    with pytest.raises(LmdbFileError, match="damaged tree"):
        list(LmdbFile(path))
    with pytest.raises(LmdbFileError, match="damaged tree"):
        LmdbFile(path).find(b"0.mp4.pklz")


def test_a_file_that_was_not_packed_to_its_end_is_not_used(folder):
    folder.mkdir(parents=True)
    path = paths.packed_volumes(folder)
    with lmdb.open(str(path), subdir=False, lock=False) as environment, environment.begin(write=True) as writing:
        writing.put(b"1.mp4.pklz", b"1.mp4.pklz")
    with pytest.raises(PackError, match="was not packed to its end"):
        load_volume(folder / "1.mp4.pklz")


@pytest.mark.usefixtures("data")
def test_the_script_packs_what_was_extracted_and_brings_it_up_to_date(monkeypatch, capsys):
    run_script(monkeypatch, "--dry-run")
    assert "train: would pack 6 volumes into modified_data/roi_parts/train.lmdb" in capsys.readouterr().out
    run_script(monkeypatch)
    out = capsys.readouterr().out
    assert "train: 6 volumes packed" in out and "test: 2 volumes packed" in out
    assert out.endswith("next: python preproc_data/r02_verify_data.py\n")
    run_script(monkeypatch)
    assert "train: modified_data/roi_parts/train.lmdb has all 6 volumes; anew: --force" in capsys.readouterr().out

    make_volumes("train", [*TRAIN[1:], "9.mp4"])  # r01 again: one is gone, one is new, the others changed
    with pytest.raises(InputError, match=r"train\.lmdb are not those of .*train\.csv.*; run: .*r05_pack"):
        volumes_of("train", TRAIN[1:2], read_split(None))
    run_script(monkeypatch, "train")
    assert "train.lmdb are not those of modified_data/roi_parts/train.csv" in capsys.readouterr().out
    (first, *_) = volumes_of("train", [*TRAIN[1:], "9.mp4"], read_split(None))
    assert load_volume(first).shape[0] == 5  # once 6
    with pytest.raises(InputError, match=f"no volume {TRAIN[0]}"):
        volumes_of("train", TRAIN, read_split(None))


@pytest.mark.usefixtures("data")
def test_the_script_refuses_what_is_not_as_it_was_extracted(monkeypatch, capsys):
    path = paths.volume_path("train", TRAIN[2])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match=rf"{TRAIN[2]}\.pklz: changed since its extraction; run: .*r01_"):
        run_script(monkeypatch)
    path.unlink()
    with pytest.raises(InputError, match=rf"{TRAIN[2]}\.pklz: is not there; run: .*r01_extract_roi\.py train"):
        run_script(monkeypatch)
    path.write_bytes(whole)
    with owned(paths.roi_index("train").with_suffix(".lock"), "another"), pytest.raises(BusyError, match="of train is"):
        run_script(monkeypatch)
    run_script(monkeypatch)
    paths.roi_index("train").unlink()
    paths.roi_index("test").unlink()
    with pytest.raises(InputError, match=r"no modified_data/roi_parts/train\.csv; run: .*r01_extract_roi\.py"):
        run_script(monkeypatch)


def test_after_r01_the_packed_volumes_are_next(root, monkeypatch, capsys):
    make_videos("train", 1)
    extract = REPOSITORY / "preproc_data" / "r01_extract_roi.py"
    for following in ("r02_verify_data.py", "r05_pack_volumes.py"):
        monkeypatch.setattr(sys, "argv", [str(extract), "train", "--workers", "0"])
        main_of(extract)()
        assert f"next: python preproc_data/{following}" in capsys.readouterr().out
        run_script(monkeypatch, "train")


def flip():
    path = paths.packed_volumes(paths.roi_folder("train"))
    content = bytearray(path.read_bytes())
    content[content.find(paths.volume_path("train", TRAIN[3]).read_bytes()) + 300] ^= 16
    path.write_bytes(content)


@pytest.mark.usefixtures("data")
def test_packed_data_is_verified_as_its_files_are(monkeypatch, capsys):
    plain = verify_data(None, workers=0)
    run_script(monkeypatch)
    packed = verify_data(None, workers=0)
    assert packed.findings == plain.findings == []
    told = [f"{subset}: volumes: modified_data/roi_parts/{subset}.lmdb" for subset in paths.SUBSETS]
    assert [note for note in packed.notes if note not in told] == plain.notes

    flip()
    (found,) = findings()
    assert found.startswith(f"train volumes that cannot be used (1): {TRAIN[3]} (")
    assert found.endswith("copy the file again, or run: python preproc_data/r05_pack_volumes.py train --force")
    change(paths.roi_index("test"), lambda lines: lines[:-1])
    stale = next(text for text in findings() if "test.lmdb" in text)
    assert "not those of modified_data/roi_parts/test.csv" in stale and stale.endswith("r05_pack_volumes.py test")
    run_script(monkeypatch, "train", "--force")
    assert not any("train" in text for text in findings())


NO_MAPS = r"""
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(const char *call) { const char *what = getenv("REFUSED"); return what && !strcmp(what, call); }
void *mmap(void *at, size_t size, int may, int how, int file, off_t from)
{
    if (refused("mmap") && how & MAP_SHARED && file >= 0) { errno = ENODEV; return MAP_FAILED; }
    return (void *)syscall(SYS_mmap, at, size, may, how, file, from);
}
void *mmap64(void *at, size_t size, int may, int how, int file, off_t from) __attribute__((alias("mmap")));
int flock(int file, int how)
{
    if (refused("flock")) { errno = ENOLCK; return -1; }
    return syscall(SYS_flock, file, how);
}
"""


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("mmap", r"error: the file system of modified_data/roi_parts/train\.lmdb\.\w+ maps no files into memory"),
        ("flock", r"error: modified_data/roi_parts/train\.lock: No locks available; mend that"),
    ],
)
@pytest.mark.usefixtures("data")
@pytest.mark.skipif(not shutil.which("cc") or sys.platform != "linux", reason="the tools are not there")
def test_a_file_system_without_maps_or_locks_is_refused_with_a_word(tmp_path, refused, told):
    (tmp_path / "shim.c").write_text(NO_MAPS)
    shim = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "REFUSED": refused, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, SCRIPT, "train"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert re.search(told, done.stderr), done.stderr
    assert not paths.packed_volumes(paths.roi_folder("train")).exists()


def test_a_full_disk_is_told_and_packing_goes_on_when_there_is_room(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        monkeypatch.setenv("STAGEWISE_ROOT", str(disk))
        monkeypatch.setattr(packing, "BATCH", 1 << 20)
        folder = paths.roi_folder("train")
        wanted = make_files(folder, 400, 20_000)
        with pytest.raises(OSError, match="No space left on device"):
            pack_volumes(folder, wanted, "index")
        assert not paths.packed_volumes(folder).exists()
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        assert pack_volumes(folder, wanted, "index") > 50
        assert len(contents(paths.packed_volumes(folder))) == 401
    finally:
        subprocess.run(["umount", str(disk)], check=True)
