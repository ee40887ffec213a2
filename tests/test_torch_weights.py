"""What PyTorch saved is what is read, in both of its formats and without PyTorch."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from made_torch_files import CONTAINERS, ORDERED, PROTOCOL, state, storage, tensor, text, word, write_state

from stagewise.files.torch_weights import read_torch_weights
from stagewise.messages.errors import InputError

ORACLES = Path(__file__).parent / "oracles"
FORMATS = ("zip", "zip_protocol4", "legacy")
SIX = struct.pack("<6f", *range(6))


def write(path, container, tensors, storages):
    path.write_bytes(CONTAINERS[container](state(tensors) if isinstance(tensors, dict) else tensors, storages))
    return path


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["net", "kinds"])
def test_pytorchs_own_files(name, form):
    found = read_torch_weights(ORACLES / f"saved_{name}_{form}.pth", "")
    expected = np.load(ORACLES / f"saved_{name}.npz")
    assert list(found) == expected["names"].tolist()
    for number, array in enumerate(found.values()):
        np.testing.assert_array_equal(array, expected[f"array_{number}"], strict=True)
        assert array.flags.c_contiguous and array.flags.aligned


@pytest.mark.parametrize("container", CONTAINERS)
def test_round_trip(tmp_path, container):
    generator = np.random.default_rng(0)
    arrays = {
        "a.weight": generator.normal(size=(3, 2, 1, 4)).astype("f4"),
        "a.bias": generator.normal(size=3).astype("f4"),
    }
    found = read_torch_weights(write_state(tmp_path / "a.pth", arrays, container), "")
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def old_tensor(stored):
    arguments = b"(" + stored + b"K\x00K\x02K\x03\x86K\x03K\x01\x86t"
    return word("torch._utils", "_rebuild_tensor") + arguments + b"R"


def python2(name):
    return b"U" + bytes([len(name)]) + name.encode()


PARAMETER = word("torch._utils", "_rebuild_parameter"), word("torch.nn.parameter", "Parameter")
DICT = word("collections", "OrderedDict")
A = tensor(storage())
OLD = {  # as PyTorch 0.1 to 1.5 wrote them
    "from a GPU": state({"a": tensor(storage(module="torch.cuda"))}),
    "before 0.4": state({"a": old_tensor(storage())}),
    "a parameter": state({"a": PARAMETER[0] + b"(" + A + b"\x88" + ORDERED + b"tR"}),
    "an old parameter": state({"a": PARAMETER[1] + A + b"\x85R(\x88\x89" + ORDERED + b"tb"}),
    "with metadata": PROTOCOL + ORDERED + text("a") + A + b"s}" + text("_metadata") + ORDERED + b"sb.",
    "from Python 2": PROTOCOL + DICT + b"]](" + python2("a") + A + b"ea\x85R.",
    "not a part of another": state({"a": tensor(storage(more=b"N"))}),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("content", OLD.values(), ids=OLD)
def test_what_older_versions_wrote(tmp_path, container, content):
    found = read_torch_weights(write(tmp_path / "a.pth", container, content, {"0": SIX}), "")
    np.testing.assert_array_equal(found["a"], np.arange(6, dtype=np.float32).reshape(2, 3), strict=True)


def test_a_name_with_the_files_sha256_is_kept_to(tmp_path):
    content = (ORACLES / "saved_net_legacy.pth").read_bytes()
    path = tmp_path / f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    path.write_bytes(content)
    assert len(read_torch_weights(path, "")) == 9
    path.write_bytes(content[:-1] + b"\0")  # the last byte of a number: nothing else would notice
    with pytest.raises(InputError, match=r"net-[0-9a-f]{8}\.pth is damaged: its sha256 begins with .*; download it$"):
        read_torch_weights(path, "download it")


def test_a_missing_file_names_the_mend(tmp_path):
    with pytest.raises(InputError, match=r"no weights .*r3d\.pth; download it$"):
        read_torch_weights(tmp_path / "r3d.pth", "download it")


def test_the_disks_faults_are_the_disks(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_torch_weights(tmp_path, "")
    with pytest.raises(InputError, match="of a known size"):
        read_torch_weights(Path("/dev/zero"), "")
