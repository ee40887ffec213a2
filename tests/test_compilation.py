"""Compiled graphs are kept on the disk for GPUs: what one process has compiled, the next one does not."""

import json
import os
import subprocess
import sys

import pytest

from stagewise.machine import compilation
from stagewise.machine.backends import NDHWC_FLAG, with_flag

# A process that compiles, as on a machine whose GPU JAX sees or not, and says what came of the cache.
COMPILING = """
import json, sys
from stagewise.machine import device
seen = json.loads(sys.argv[1])
device.has_gpu, device.maker = lambda: True, lambda: None
device.gpus = lambda: seen
device.prepare()
import jax
counts = {}
def count(event, **about):
    counts[event.rpartition("/")[2]] = counts.get(event.rpartition("/")[2], 0) + 1
jax.monitoring.register_event_listener(count)
jax.block_until_ready(jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((9, 9))))
print(json.dumps({name: counts.get(name, 0) for name in ("cache_hits", "cache_misses")}))
"""


def compiling(cache: os.PathLike, seen: list[str], **settings: str) -> tuple[list[str], dict[str, int]]:
    """What such a process says, and its hits and misses."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    small = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    environment = {**known, **small, "KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(cache), **settings}
    command = [sys.executable, "-c", COMPILING, json.dumps(seen)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *said, counts = done.stdout.splitlines()
    return said, json.loads(counts)


def test_a_second_process_does_not_compile_again(tmp_path):
    pytest.importorskip("jax")
    said, first = compiling(tmp_path, ["a GPU"])
    assert said[1:] == [f"compiled graphs are kept in {tmp_path / 'stagewise' / 'jax'}, cut to 4 GiB at every start"]
    assert first["cache_hits"] == 0 and first["cache_misses"] > 0
    _, second = compiling(tmp_path, ["a GPU"])
    assert second == {"cache_hits": first["cache_misses"], "cache_misses": 0}


def test_where_no_gpu_is_seen_nothing_is_kept(tmp_path):
    pytest.importorskip("jax")
    said, counts = compiling(tmp_path, [])
    assert len(said) == 1 and counts == {"cache_hits": 0, "cache_misses": 0}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder; the variables of the backends are as they were when the test is over."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in (compilation.JAX_FOLDER, compilation.TENSORFLOW_FLAGS, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / "stagewise"


def test_a_users_own_variables_stay(cache, monkeypatch):
    monkeypatch.setenv(compilation.JAX_FOLDER, "/elsewhere")
    assert compilation.keep_compiled("jax") == "compiled graphs are kept as JAX_COMPILATION_CACHE_DIR says"
    assert os.environ[compilation.JAX_FOLDER] == "/elsewhere" and not cache.exists()
    monkeypatch.setenv(compilation.TENSORFLOW_FLAGS, "--tf_xla_auto_jit=0")
    compilation.keep_compiled("tensorflow")
    flag = f"--tf_xla_persistent_cache_directory='{cache / 'tensorflow'}'"
    assert os.environ[compilation.TENSORFLOW_FLAGS] == f"--tf_xla_auto_jit=0 {flag}"
    assert compilation.keep_compiled("tensorflow") == "compiled graphs are kept as TF_XLA_FLAGS says"
    assert compilation.keep_compiled("torch") == ""


def test_a_folder_that_cannot_be_written_is_told_and_no_failure(cache):
    cache.parent.mkdir(exist_ok=True)
    cache.touch()
    said = compilation.keep_compiled("jax")
    assert said.startswith(f"compiled graphs are not kept, since {cache / 'jax'} cannot be written (")
    assert compilation.JAX_FOLDER not in os.environ


def test_the_longest_unused_graphs_go_where_there_are_too_many(cache, monkeypatch):
    monkeypatch.setattr(compilation, "MOST", 250)
    (cache / "jax" / "deeper").mkdir(parents=True)
    for age, name in enumerate(("new", "deeper/older", "old", "oldest")):
        (cache / "jax" / name).write_bytes(bytes(100))
        os.utime(cache / "jax" / name, (1e9 - age, 1e9 - age))
    compilation.keep_compiled("jax")
    left = sorted(path.name for path in (cache / "jax").rglob("*") if path.is_file())
    assert left == ["new", "older"]


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("", NDHWC_FLAG),
        ("--xla_dump_to=x", f"--xla_dump_to=x {NDHWC_FLAG}"),
        ("--xla_gpu_force_conv_nhwc=false", "--xla_gpu_force_conv_nhwc=false"),
    ],
)
def test_a_flag_goes_behind_a_users_own_which_decide(given, flags):
    assert with_flag(given, NDHWC_FLAG) == flags


def test_a_first_call_that_takes_long_is_told(monkeypatch):
    said = []
    assert compilation.told("the step", lambda: 7, said.append) == 7 and not said
    monkeypatch.setattr(compilation, "TOLD_FROM", 0)
    assert compilation.told("the step", lambda: 7, said.append) == 7
    assert said == ["the step: compiled, and run once, in 0 s"]
