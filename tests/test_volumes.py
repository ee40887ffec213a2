"""Volumes: what is saved is what is loaded, and nothing else is ever loaded."""

import gzip
import io
import pickle
import tracemalloc
import zlib

import numpy as np
import pytest

from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.volumes import pklz as volumes
from stagewise.volumes.pklz import load_volume, save_volume


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 9, 3), dtype=np.uint8)


@pytest.fixture
def path(root):
    return paths.volume_path("train", "100000.mp4")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_round_trip(path, volume):
    sha256 = save_volume(path, volume)
    loaded = load_volume(path)
    np.testing.assert_array_equal(loaded, volume)
    assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous and loaded.flags.writeable
    assert sha256 == paths.sha256_of(path)


def test_the_original_reader_loads_our_files(path, volume):
    save_volume(path, volume[:, ::2])  # not contiguous in memory
    with gzip.open(path) as file:
        content = file.read()
    np.testing.assert_array_equal(pickle.load(io.BytesIO(content)), volume[:, ::2])
    assert content[:2] == b"\x80\x04"  # protocol 4
    assert b"numpy._core" not in content  # a name that the numpy of the original's time does not have


def test_same_volume_same_bytes(path, volume):
    first, second = path, path.with_name("other.mp4.pklz")
    assert save_volume(first, volume) == save_volume(second, np.asfortranarray(volume))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_loads_what_any_pickle_protocol_wrote(path, volume, protocol, order):
    write(path, gzip.compress(pickle.dumps(np.array(volume, order=order), protocol)))
    np.testing.assert_array_equal(load_volume(path), volume)


def test_loads_what_numpy_2_names_its_own(path, volume):
    content = pickle.dumps(volume, 4)
    assert b"numpy._core" in content
    write(path, gzip.compress(content))
    np.testing.assert_array_equal(load_volume(path), volume)


def test_a_flipped_bit_never_changes_a_pixel(path, volume):
    save_volume(path, volume)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    unnoticed = 0  # header fields and padding bits carry no content
    for place in generator.permutation(len(whole))[:400]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.integers(8)
        write(path, damaged)
        try:
            np.testing.assert_array_equal(load_volume(path), volume)
            unnoticed += 1
        except InputError:
            pass
    assert unnoticed <= 12


@pytest.mark.parametrize("missing", [1, 4, 8, 100])
def test_truncated(path, volume, missing):
    save_volume(path, volume)
    write(path, path.read_bytes()[:-missing])
    with pytest.raises(InputError, match=r"100000\.mp4\.pklz.*truncated.*r01_extract_roi\.py train"):
        load_volume(path)


@pytest.mark.parametrize(
    "content", [b"", b"not a gzip", *(gzip.compress(content, mtime=0) for content in (b"", b"not a pickle"))]
)
def test_not_a_volume_file(path, content):
    write(path, content)
    with pytest.raises(InputError, match=r"run: python preproc_data/r01_extract_roi.py train"):
        load_volume(path)


def test_missing_file_names_the_mend(path):
    with pytest.raises(InputError, match=r"is not there; run: python preproc_data/r01_extract_roi\.py train"):
        load_volume(path)


def test_bytes_after_the_end(path, volume):
    save_volume(path, volume)
    whole = path.read_bytes()
    for junk in (b"\0", gzip.compress(b"x")):
        write(path, whole + junk)
        with pytest.raises(InputError, match="after its end"):
            load_volume(path)
    write(path, gzip.compress(gzip.decompress(whole) + b"\0"))
    with pytest.raises(InputError, match="after its pickle"):
        load_volume(path)


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((2, 3, 4, 3), np.float32),
        np.zeros((2, 3, 4, 3), np.int8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((2, 3, 4, 1), np.uint8),
        np.zeros((0, 3, 4, 3), np.uint8),
        np.array([None]),
        [np.zeros((2, 3, 4, 3), np.uint8)] * 2,
        b"bytes",
        None,
    ],
    ids=repr,
)
def test_other_content_is_refused(path, content):
    write(path, gzip.compress(pickle.dumps(content, 4)))
    with pytest.raises(InputError, match="volume modified_data"):
        load_volume(path)
    if isinstance(content, np.ndarray):
        with pytest.raises(ValueError, match="is not a volume"):
            save_volume(path, content)


class _Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def test_no_code_runs(path, tmp_path):
    mark = tmp_path / "mark"
    for protocol in range(6):
        write(path, gzip.compress(pickle.dumps(_Calls(open, str(mark), "w"), protocol)))
        with pytest.raises(InputError, match="calls"):
            load_volume(path)
    assert not mark.exists()


def _peak_bytes(path):
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            load_volume(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_no_array_is_made_before_its_pixels_are_there(path, volume):
    write(path, gzip.compress(pickle.dumps(_Calls(np.ndarray, (1 << 33,), "u1"), 4)))
    assert _peak_bytes(path) < 1 << 22
    save_volume(path, volume)
    content = gzip.decompress(path.read_bytes())
    claim = content.replace(b"J" + (5).to_bytes(4, "little"), b"J" + (1 << 30).to_bytes(4, "little"))
    write(path, gzip.compress(claim))
    assert claim != content and _peak_bytes(path) < 1 << 22


def test_a_gzip_bomb_stops_at_the_cap(path, monkeypatch):
    monkeypatch.setattr(volumes, "LARGEST_BYTES", 1 << 20)
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    write(path, b"".join(compressor.compress(bytes(1 << 20)) for _ in range(64)) + compressor.flush())
    assert _peak_bytes(path) < 8 << 20


def test_a_pickle_cannot_grow(path):
    for content in (b"N" * (2 << 20) + b".", b"Nr\xff\xff\xff\x7f.", b"]" * 100 + b"."):
        write(path, gzip.compress(content))
        assert _peak_bytes(path) < 10 << 20
