"""A benchmark that a user's mistake ends says so in one message, and before its long part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stagewise.messages.errors import StagewiseError

BENCH = Path(__file__).parents[1] / "bench"
FAILING = ("-c", "import sys; sys.exit('no such clip')")


@pytest.fixture
def bench(monkeypatch):
    """Makes bench/ importable, as it is for the benchmarks themselves."""
    monkeypatch.syspath_prepend(str(BENCH))


def refused(name: str, *arguments: object, **settings: str) -> str:
    """What a benchmark says that ends with an error. It must end within seconds."""
    command = [sys.executable, str(BENCH / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **settings})
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_a_script_that_fails_is_named_with_its_exit_code(bench, capfd):
    import measure

    with pytest.raises(StagewiseError, match=r"python -c .*no such clip.* ended with exit code 1; .* is above"):
        measure.script(*FAILING)
    assert "no such clip" in capfd.readouterr().err


def test_a_training_that_fails_is_named_with_its_log(bench, tmp_path):
    import trainings

    log = tmp_path / "fold_0.txt"
    with pytest.raises(StagewiseError, match=rf"python -c .* ended with exit code 1; its message ends {log}"):
        trainings.script(tmp_path, *FAILING, log=log.name)
    assert log.read_text() == "no such clip\n"


@pytest.mark.parametrize(("name", "fewest"), [("roi", 4), ("augment", 6)])
def test_too_few_clips_are_refused(name, fewest):
    if name == "augment":
        pytest.importorskip("volumentations")
    assert f"--clips: {fewest - 1} is less than {fewest}" in refused(name, "--clips", fewest - 1)
    assert "--repeats: 0 is less than 1" in refused(name, "--repeats", 0)


@pytest.mark.slow
def test_weights_that_are_not_there_are_refused_before_any_data_is_made(tmp_path):
    said = refused("full_preset", "--weights", tmp_path / "none.h5", TMPDIR=str(tmp_path))
    assert f"no file {tmp_path / 'none.h5'}" in said and "clips" not in said
    (tmp_path / "damaged.h5").write_bytes(b"HDF")
    said = refused("full_preset", "--weights", tmp_path / "damaged.h5", TMPDIR=str(tmp_path))
    assert "damaged.h5" in said and "clips" not in said
    npz = tmp_path / "vesselmnist3d.npz"
    npz.touch()
    work = tmp_path / "work"
    said = refused("vesselmnist3d", "--npz", npz, "--weights", tmp_path / "none.h5", "--root", work)
    assert f"no file {tmp_path / 'none.h5'}" in said and not work.exists()


def test_ensembling_names_a_command_that_its_parser_takes(tmp_path):
    said = refused("ensembling", "--root", tmp_path / "my work")
    command = said.rpartition("run: bench/run.sh vesselmnist3d ")[2].strip()
    assert command == f"--npz vesselmnist3d.npz --weights H5 --root '{tmp_path / 'my work' / 'vesselmnist3d'}'"
