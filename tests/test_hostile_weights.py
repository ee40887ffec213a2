"""Weights come from a file as numbers of the net's own shapes, and nothing else in the file is touched."""

import pickle
import tracemalloc
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from test_hostile_volumes import MARK, Calls
from tiny import NET

from stagewise.files.weight_files import load_weights
from stagewise.messages.errors import InputError
from stagewise.nets.densenet3d import densenet3d


@pytest.fixture(scope="module")
def net():
    return densenet3d(NET)


@pytest.fixture
def path(tmp_path, net):
    made = tmp_path / "best.weights.h5"
    net.save_weights(made)
    return made


@pytest.fixture
def kernel(path):
    """The name of one array in the file."""
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, entry: found.append(name) if getattr(entry, "ndim", 0) == 5 else None)
    return found[0]


def refusal(net, path):
    """The message about a file that must not be loaded, after which the net is as it was."""
    before = net.get_weights()
    problem = f"{path.name} does not hold the weights of {net.name}: .*; train again"
    with pytest.raises(InputError, match=problem) as error:
        load_weights(net, path, "train again")
    assert all(map(np.array_equal, before, net.get_weights()))
    return str(error.value)


def test_own_weights_load(net, path):
    other = densenet3d(NET, seed=1)
    load_weights(other, path, "")
    assert all(map(np.array_equal, net.get_weights(), other.get_weights()))


def external_link(file, name, other):
    file[name] = h5py.ExternalLink(str(other), name)


def soft_link(file, name, other):
    file["elsewhere"] = np.zeros(3, np.float32)
    file[name] = h5py.SoftLink("/elsewhere")


def external_storage(file, name, other):
    file.create_dataset(name, (2, 2), "f4", external=[(str(other), 0, 16)])


def virtual(file, name, other):
    layout = h5py.VirtualLayout((2, 2), "f4")
    layout[:] = h5py.VirtualSource(str(other), name, (2, 2))
    file.create_virtual_dataset(name, layout)


def huge(file, name, other):
    file.create_dataset(name, (3 << 28,), "f4", chunks=(1 << 10,))  # 3 GiB, of which no byte is in the file


def huge_pieces(file, name, other):
    file.create_dataset(name, (2, 2), "f4", maxshape=(None, None), chunks=(1 << 14, 1 << 14), compression="gzip")


def texts(file, name, other):
    file[name] = ["text"]


def empty(file, name, other):
    file[name] = h5py.Empty("f4")


def named_type(file, name, other):
    file[name] = np.dtype("f4")


def doubles(file, name, other):
    file[name] = np.zeros((3, 3, 3, 3, 4))


def cycle(file, name, other):
    file["layers/itself"] = file["layers"]


def more(file, name, other):
    file["optimizer/moments"] = np.zeros((3, 3), np.float32)


def fewer(file, name, other):
    """The array is gone."""


CHANGES = {
    external_link: "leads elsewhere (ExternalLink)",
    soft_link: "leads elsewhere (SoftLink)",
    external_storage: "takes its numbers from another file",
    virtual: "takes its numbers from another file",
    huge: "1 more float32 arrays of shape (805306368,)",
    huge_pieces: "unpacks to pieces of (16384, 16384)",
    texts: "is no array of numbers",
    empty: "is no array of numbers",
    named_type: "is no array of numbers",
    doubles: "1 more float64 arrays",
    cycle: "more than 10000 groups",
    more: "1 more float32 arrays of shape (3, 3) than the net has",
    fewer: "1 fewer float32 arrays of shape",
}


@pytest.mark.parametrize(("change", "problem"), CHANGES.items(), ids=[change.__name__ for change in CHANGES])
def test_an_array_that_is_not_the_nets_own_is_refused_unread(net, path, kernel, tmp_path, change, problem):
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(path, "r+") as file:
        del file[kernel]
        change(file, kernel, other)
    tracemalloc.start()
    try:
        assert problem in refusal(net, path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_another_net_is_refused(net, tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    assert "than the net has" in refusal(net, tmp_path / "other.weights.h5")


def full_model(path):
    """A saved model of a layer that is a piece of code, as Keras itself writes it."""
    inputs = keras.Input((4,))
    code = keras.layers.Lambda(lambda x: [Path(MARK).touch(), x][1])
    keras.Model(inputs, keras.layers.Dense(3)(code(inputs))).save(path)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["best.weights.h5", "model.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_full_model_is_never_made_from_a_file(net, tmp_path, monkeypatch, suffix, name):
    monkeypatch.chdir(tmp_path)
    model = full_model(tmp_path / f"model{suffix}")
    (tmp_path / MARK).unlink(missing_ok=True)  # Keras calls the layer when the model is built
    refusal(net, model.rename(tmp_path / name))
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize("name", ["best.weights.h5", "model.h5", "model.keras"])
def test_a_pickle_is_no_weights(net, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Calls(open, MARK, "w")))
    refusal(net, tmp_path / name)
    assert not (tmp_path / MARK).exists()


def test_damaged_weights_are_refused_or_are_numbers(net, path):
    whole, generator, other = path.read_bytes(), np.random.default_rng(6), densenet3d(NET)
    for length in generator.integers(0, len(whole), 10):
        path.write_bytes(whole[:length])
        refusal(net, path)
    for place in generator.integers(0, 4096, 30):  # the table of contents
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.integers(8)
        path.write_bytes(damaged)
        try:
            load_weights(other, path, "train again")
        except InputError as error:
            assert "best.weights.h5" in str(error)
