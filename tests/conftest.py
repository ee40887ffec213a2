"""What the tests share: where the real data is, and a root folder of their own."""

import os
from pathlib import Path

import pytest

from stagewise import device

device.prepare()  # before any test imports Keras, as the scripts do

REAL_DATA = Path(os.environ.get("STAGEWISE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")


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
