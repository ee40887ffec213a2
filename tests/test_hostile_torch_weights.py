"""A damaged, foreign or hostile PyTorch file is refused by name: nothing runs, and memory stays under the cap."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_torch_files import (
    CONTAINERS,
    ORDERED,
    PROTOCOL,
    REBUILD,
    legacy,
    number,
    state,
    storage,
    tensor,
    text,
    zipped,
)
from test_hostile_volumes import HOSTILE, MARK

from stagewise.files import torch_weights
from stagewise.files.torch_weights import read_torch_weights
from stagewise.messages.errors import InputError

ORACLES = Path(__file__).parent / "oracles"
SIX = struct.pack("<6f", *range(6))
A = tensor(storage())
GOOD = zipped(state({"a": A}), {"0": SIX})


def refusal(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path.name} .+; download it$") as error:
        read_torch_weights(path, "download it")
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.pth"


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_cut_anywhere_is_found(path, form):
    whole = (ORACLES / f"saved_net_{form}.pth").read_bytes()
    for length in range(0, len(whole), 7):
        refusal(path, whole[:length])
    refusal(path, whole[:-1])
    assert "after its end" in refusal(path, whole + b"\0")


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_flipped_bits_are_found_or_change_numbers_alone(path, form):
    whole = (ORACLES / f"saved_net_{form}.pth").read_bytes()
    path.write_bytes(whole)
    expected = read_torch_weights(path, "")
    for bit in np.random.default_rng(2).permutation(8 * len(whole))[:800]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = read_torch_weights(path, "")
        except InputError as error:
            assert "net.pth" in str(error)
            continue
        assert form == "legacy" or all(map(np.array_equal, found.values(), expected.values()))  # no checksum there
        assert all(array.size < 100 for array in found.values())


NESTED = b")" + b"".join(b"q" + bytes([depth]) + b"h" + bytes([depth]) + b"\x86" for depth in range(200))
OTHER = {
    **{name: content for name, content in HOSTILE.items() if name != "changes a stand-in"},
    "is a number": PROTOCOL + b"K\x01.",
    "is a list of tensors": PROTOCOL + b"]" + A + b"a.",
    "is a whole net": PROTOCOL + b"ctorchvision.models.resnet\nResNet\n)\x81.",
    "is a checkpoint": PROTOCOL + b"}" + text("epoch") + b"K\x01s.",
    "is nested": PROTOCOL + b"}" + text("state_dict") + ORDERED + b"s.",
    "has a number for a name": PROTOCOL + b"}K\x01" + A + b"s.",
    "has tuples of tuples for a name": PROTOCOL + b"}" + NESTED + A + b"s.",
    "has a name twice": state({"a": A})[:-2] + (text("a") + A) * 2 + b"u.",
    "has an endless name": state({"a" * 2000: A}),
    "calls a storage": PROTOCOL + b"ctorch\nFloatStorage\n)R.",
    "calls a text": PROTOCOL + text("eval") + b")R.",
    "calls with no tuple": PROTOCOL + b"ccollections\nOrderedDict\n]R.",
    "appends to a text": PROTOCOL + text("a") + text("b") + b"a.",
    "sets an item of a list": PROTOCOL + b"]" + text("a") + A + b"s.",
    "changes a dict": PROTOCOL + ORDERED + b"}" + text("__class__") + ORDERED + b"sb.",
    "changes a text": PROTOCOL + text("a") + b"}b.",
    "gets what it never put": PROTOCOL + b"h\x07.",
    "puts nothing": PROTOCOL + b"q\x00.",
    "ends with two things": PROTOCOL + b"}}.",
    "ends within a mark": PROTOCOL + b"(}.",
    "is of protocol 0": b"\x80\x00}.",
    "refers to a module": PROTOCOL + b"(" + text("module") + text("a") * 4 + b"tQ.",
    "refers to a part of a storage": state({"a": tensor(storage(more=text("b")))}),
    "refers to a text": PROTOCOL + text("storage") + b"Q.",
    "has a storage of a word": state({"a": tensor(storage(kind="UntypedStorage"))}),
    "has complex numbers": state({"a": tensor(storage(kind="ComplexFloatStorage"))}),
    "has quantized numbers": state({"a": tensor(storage(kind="QInt8Storage"))}),
    "has a storage of less than nothing": state({"a": tensor(storage(count=-1), (), ())}),
    "has more numbers than there are": state({"a": tensor(storage(count=7))}),
    "has fewer numbers than there are": state({"a": tensor(storage(count=5), (5,), (1,))}),
    "has a storage of two types": state({"a": A, "b": tensor(storage(kind="IntStorage"))}),
    "has a storage of two lengths": state({"a": A, "b": tensor(storage(count=5), (1,), (1,))}),
    "lacks a storage": state({"a": A, "b": tensor(storage("1"))}),
    "has no tensor": state({}),
    "reaches a number too far": state({"a": tensor(storage(), offset=1)}),
    "begins before its storage": state({"a": tensor(storage(), offset=-1)}),
    "goes backwards": state({"a": tensor(storage(), stride=(-3, 1), offset=3)}),
    "strides too far": state({"a": tensor(storage(), stride=(4, 1))}),
    "repeats a number 8 Gi times": state({"a": tensor(storage(), (1 << 33,), (0,))}),
    "repeats a number 2**64 times": state({"a": tensor(storage(), (1 << 16,) * 4, (0,) * 4)}),
    "is empty, and endless": state({"a": tensor(storage(), (0, 1 << 40, 1 << 40), (1, 1, 1))}),
    "has a thousand axes": state({"a": tensor(storage(), (1,) * 1000, (1,) * 1000)}),
    "has a stride too few": state({"a": tensor(storage(), (2, 3), (1,))}),
    "has a size of True": state({"a": REBUILD + b"(" + storage() + b"K\x00\x88\x85K\x01\x85\x89" + ORDERED + b"tR"}),
    "has a tensor of a text": state({"a": tensor(text("a"))}),
    "makes a dict of one list for ever": PROTOCOL
    + b"]](" + text("a") + b"}eaq\x00"
    + b"ccollections\nOrderedDict\nh\x00\x85R" * 2 + b".",
    "has too many operations": PROTOCOL + b"}" + b"q\x00" * 200_000 + b".",
    "names what has a space in it": PROTOCOL + b"ctorch Float\nStorage\n.",
}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("content", OTHER.values(), ids=OTHER)
def test_a_hostile_pickle_is_refused_by_name_and_does_nothing(path, content, container, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    message = refusal(path, CONTAINERS[container](content, {"0": SIX}))
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert not Path(MARK).exists() and len(message) < 1000


def entry(content: bytes, name: str) -> int:
    """Where a record's entry in the table of contents begins."""
    return content.rindex(b"PK\x01\x02", 0, content.rindex(f"archive/{name}".encode()))


def changed(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def packed(method: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("archive/data.pkl", state({"a": A}))
        archive.writestr("archive/data/0", SIX)
    return made.getvalue()


def shared(content: bytes) -> bytes:
    """Two entries, one header: a name's bytes are another's, too."""
    first, second = entry(content, "data/0"), entry(content, "data/1")
    return changed(content, second + 42, content[first + 42 : first + 46])


TWO = zipped(state({"a": A, "b": tensor(storage("1"))}), {"0": SIX, "1": SIX})
ARCHIVES = {
    "is packed": packed(zipfile.ZIP_DEFLATED),
    "is packed by bzip2": packed(zipfile.ZIP_BZIP2),
    "says that it is packed": changed(GOOD, entry(GOOD, "data/0") + 10, b"\x08\x00"),
    "says so in the header alone": changed(GOOD, GOOD.index(b"archive/data/0") - 30 + 8, b"\x08\x00"),
    "is encrypted": changed(GOOD, entry(GOOD, "data/0") + 8, b"\x01\x00"),
    "unpacks to more": changed(GOOD, entry(GOOD, "data/0") + 24, struct.pack("<L", 1 << 30)),
    "claims more": changed(GOOD, entry(GOOD, "data/0") + 20, struct.pack("<2L", 1 << 30, 1 << 30)),
    "claims 4 GiB and zip64": changed(GOOD, entry(GOOD, "data/0") + 20, b"\xff" * 8),
    "has another checksum": changed(GOOD, entry(GOOD, "data/0") + 16, bytes(4)),
    "has a header elsewhere": changed(GOOD, entry(GOOD, "data/0") + 42, struct.pack("<L", 1 << 31)),
    "has one header for two records": shared(TWO),
    "has a name twice": TWO.replace(b"data/1", b"data/0"),
    "has two names for a record": GOOD.replace(b"data/0", b"data/y", 1),
    "has a storage that no tensor has": zipped(state({"a": A}), {"0": SIX, "1": SIX}),
    "lacks a storage": zipped(state({"a": A}), {}),
    "has a short storage": zipped(state({"a": A}), {"0": SIX[:-1]}),
    "has a long storage": zipped(state({"a": A}), {"0": SIX + b"\0"}),
    "has another file": zipped(state({"a": A}), {"0": SIX}, hello=b"x"),
    "has code": zipped(state({"a": A}), {"0": SIX}, **{"constants.pkl": b"x", "code____torch__.py": b"x"}),
    "is big-endian": zipped(state({"a": A}), {"0": SIX}, byteorder=b"big"),
    "has something before it": b"x" + GOOD,
    "has something behind it": GOOD + b"x",
    "has a comment": changed(GOOD, len(GOOD) - 2, b"\x01\x00") + b"x",
    "is of two parts": changed(GOOD, len(GOOD) - 18, b"\x01\x00"),
    "has an endless table": changed(GOOD, len(GOOD) - 10, struct.pack("<L", 1 << 30)),
    "has a table elsewhere": changed(GOOD, len(GOOD) - 6, struct.pack("<L", 0)),
    "is another archive": packed(zipfile.ZIP_STORED).replace(b"data.pkl", b"data.txt"),
    "is empty": b"PK\x05\x06" + bytes(18),
    "is a big-endian legacy file": legacy(state({"a": A}), {"0": SIX}, little=False),
    "is a legacy file of another number": legacy(state({"a": A}), {"0": SIX}).replace(b"M\xe9\x03", b"M\xea\x03", 1),
    "is a legacy file with too many": legacy(state({"a": A}), {"0": SIX, "1": SIX}),
    "is a legacy file that counts less": legacy(state({"a": A}), {"0": SIX}, width=8),
    "is a tar archive": b"x".ljust(257, b"\0") + b"ustar".ljust(255, b"\0"),
    "is a web page": b"<!DOCTYPE html><html></html>",
    "is text": b"version https://git-lfs.github.com/spec/v1\n",
    "is nothing": b"",
    "is a pickle": pickle.dumps({"a": 1}, 2),
}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES)
def test_a_foreign_or_hostile_archive_is_refused_by_name(path, content):
    assert content not in (GOOD, TWO)
    tracemalloc.start()
    refusal(path, content)
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_zip64s_second_end_is_read_and_must_agree(path):
    whole = (ORACLES / "saved_net_zip.pth").read_bytes()
    end = whole.rindex(b"PK\x06\x06")
    for at in (end + 4, end + 24, end + 32, end + 40, end + 48, end + 56 + 8, end + 56 + 16):
        assert "differ" in refusal(path, changed(whole, at, bytes([whole[at] ^ 1])))


@pytest.mark.parametrize("container", CONTAINERS)
def test_many_views_of_one_storage_stop_at_the_cap(path, container, monkeypatch):
    turned = tensor(storage(count=1 << 16), (256, 256), (1, 256))
    content = CONTAINERS[container](state({f"a{number}": turned for number in range(40)}), {"0": bytes(4 << 16)})
    monkeypatch.setattr(torch_weights, "LARGEST_BYTES", 8 << 20)
    tracemalloc.start()
    assert "unpacks to more than 8 MiB" in refusal(path, content)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    monkeypatch.setattr(torch_weights, "LARGEST_BYTES", 1 << 18)
    assert "has more than" in refusal(path, content)


def test_numbers_that_hold_long_integers_are_refused(path):
    refusal(path, zipped(state({"a": tensor(storage(count=1 << 2000), (1,), (1,))}), {"0": SIX}))
    assert number(1 << 2000)[1] == 251
