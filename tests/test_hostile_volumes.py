"""A damaged, foreign or hostile volume is refused by name: nothing runs, and memory stays under the cap."""

import gzip
import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from clips import make_videos

from stagewise.crops import extraction
from stagewise.data.tables import read_roi_index
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.volumes import pklz as volumes
from stagewise.volumes.pklz import ExpectedVolume, examine, load_volume, save_volume

MEND = r"100000\.mp4\.pklz: .+; run: python preproc_data/r01_extract_roi\.py train"


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)


@pytest.fixture
def expected(root, volume):
    path = paths.volume_path("train", "100000.mp4")
    return ExpectedVolume(path, volume.shape[:3], save_volume(path, volume))


def test_a_cut_at_any_byte_is_found(expected):
    whole = expected.path.read_bytes()
    for length in range(len(whole)):
        expected.path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=MEND):
            load_volume(expected.path)


def test_any_flipped_bit_is_found_against_the_index(expected):
    whole = np.frombuffer(expected.path.read_bytes(), np.uint8)
    for bit in np.random.default_rng(2).permutation(8 * len(whole))[:400]:
        damaged = whole.copy()
        damaged[bit // 8] ^= 1 << bit % 8
        expected.path.write_bytes(damaged)
        assert examine(expected).problem, f"bit {bit % 8} of byte {bit // 8}"
    expected.path.write_bytes(whole)
    assert examine(expected).problem == ""


JUNK = {"a byte": b"\0", "text": b"junk" * 5000, "an empty gzip": gzip.compress(b""), "a gzip": gzip.compress(b"x")}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_behind_the_end_is_found(expected, junk):
    expected.path.write_bytes(expected.path.read_bytes() + junk)
    with pytest.raises(InputError, match="after its end"):
        load_volume(expected.path)


def test_the_reader_of_the_original_takes_most_of_it(expected):
    whole = expected.path.read_bytes()
    for damaged in (whole[:-8], whole[:-4] + b"\0\0\0\0", whole + b"\0"):
        expected.path.write_bytes(damaged)
        with gzip.open(expected.path) as file:
            assert pickle.load(file).shape == (3, 5, 7, 3)
        with pytest.raises(InputError, match=MEND):
            load_volume(expected.path)


def other_size(path):
    save_volume(path, load_volume(path)[:, 1:])


def other_pixels(path):
    save_volume(path, 255 - load_volume(path))


def other_name(path):
    path.write_bytes(path.with_name("100001.mp4.pklz").read_bytes())


def same_pixels_in_other_bytes(path):
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())))


@pytest.mark.parametrize("change", [other_size, other_pixels, other_name, same_pixels_in_other_bytes])
def test_a_volume_made_otherwise_is_found_and_made_again(root, change):
    make_videos(count=2)
    extraction.extract_subset("train", workers=0)
    row = read_roi_index(paths.roi_index("train")).iloc[0]
    path = paths.volume_path("train", row.filename)
    expected = ExpectedVolume(path, (row.frames, row.height, row.width), row.sha256)
    assert examine(expected).problem == ""
    change(path)
    assert examine(expected).problem.startswith(("holds", "changed since its extraction"))  # r02 lists it
    extraction.extract_subset("train", workers=0)  # r01 again
    assert examine(expected).problem == ""


def pickled(*opcodes):
    return b"\x80\x04" + b"".join(opcodes) + b"."


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


MARK = "mark-of-a-pickle-that-ran"
HOSTILE = {
    "runs a command": pickle.dumps(Calls(os.system, f"touch {MARK}"), 4),
    "evaluates text": pickle.dumps(Calls(eval, f"open({MARK!r}, 'w')"), 2),
    "hides in an object array": pickle.dumps(np.array([Calls(os.system, f"touch {MARK}")]), 4),
    "is an array of objects": pickle.dumps(np.array([[[[None] * 3]]]), 4),
    "hides in a tuple": pickle.dumps((np.zeros((1, 1, 1, 3), np.uint8), Calls(os.system, f"touch {MARK}")), 4),
    "allocates 8 GiB": pickle.dumps(Calls(np.ndarray, (1 << 33,), "u1"), 4),
    "allocates 8 GiB as bytes": pickle.dumps(Calls(bytes, 1 << 33), 4),
    "claims 8 EiB that follow": pickled(b"\x8e", (1 << 62).to_bytes(8, "little")),
    "repeats a string": pickled(b"c_operator\nmul\n", b"\x8c\x01x", b"J\xff\xff\xff\x7f", b"\x86R"),
    "nests 100,000 tuples": pickled(b")" + b"\x85" * 100_000),
    "holds itself": pickled(b"]\x94h\x00a"),
    "builds what it holds": pickled(b"cnumpy\ndtype\n\x8c\x02u1\x85R\x94h\x00h\x00b"),
    "calls what it called": pickled(b"cnumpy.core.multiarray\n_reconstruct\n)R)R"),
    "changes a stand-in": pickled(b"cnumpy\ndtype\n}b"),
    "asks for a persistent object": pickled(b"\x8c\x01xQ"),
    "asks for an extension": pickled(b"\x82\x01"),
    "has a number of a million digits": pickled(b"I" + b"9" * 1_000_000 + b"\n"),
    "has no end": b"\x80\x04N",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused_by_name_and_does_nothing(expected, content, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    expected.path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=MEND):
        load_volume(expected.path)
    assert not Path(MARK).exists()


PEAK = """
import pathlib, resource, sys
from stagewise.volumes.pklz import load_volume
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_volume(pathlib.Path(sys.argv[1]))
except Exception as error:
    print(error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sep="\\n")
"""


def test_a_gzip_bomb_of_4_gib_stays_under_the_cap(expected):
    compressor = zlib.compressobj(9, zlib.DEFLATED, volumes.GZIP)
    start = compressor.compress(bytes(4 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(4 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    expected.path.write_bytes(start + block * 1023)
    assert (4 << 30) / expected.path.stat().st_size > 1000
    command = [sys.executable, "-c", PEAK, str(expected.path)]
    message, kibibytes = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()
    assert "100000.mp4.pklz: unpacks to more than 512 MiB" in message
    assert int(kibibytes) << 10 < volumes.LARGEST_BYTES + (32 << 20)
