"""What the tests share: where the real data is, and a root folder of their own."""

import os
import signal
from pathlib import Path

import pytest

from stagewise.machine import device, interruption

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, a core each; what they start inherits it
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
device.prepare()  # before any test imports Keras, as the scripts do

REAL_DATA = Path(os.environ.get("STAGEWISE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")

SLOWEST = (  # by what they take of a processor, with those that are marked slow
    *("test_faults", "test_pipeline", "test_train", "test_bench_gpu", "test_vote", "test_slurm", "test_environment"),
    *("test_phantom", "test_masks_training", "test_fold_queue", "test_report", "test_device", "test_extraction"),
    *("test_memory", "test_inference", "test_snapshots", "test_resume", "test_steps", "test_engines"),
)


def pytest_collection_modifyitems(items):
    """The slowest modules first, so that of several processes none ends long after the others."""
    items.sort(key=lambda item: (*SLOWEST, item.path.stem).index(item.path.stem))


def real_file(relative: str) -> Path:
    """A file of the real test data, or a skip that says what is missing."""
    path = REAL_DATA / relative
    if not path.exists():
        pytest.skip(f"real data {path} is not there; set STAGEWISE_TEST_DATA to the folder that holds it")
    return path


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty STAGEWISE_ROOT, so that no test touches a user's data."""
    monkeypatch.setenv("STAGEWISE_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def compiled_once(tmp_path, monkeypatch):
    """What a script of the test compiles on JAX, its next ones read from the disk."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


@pytest.fixture(autouse=True)
def own_signals():
    """What `cli.run` in this process takes over: Ctrl-C is the tests' again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    if signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]:
        for number, handler in before.items():
            signal.signal(number, handler)
        interruption.forget()
