"""Compiled graphs on the disk, so that stages 2 and 3, r41 and r42 do not compile again; how long compiling takes."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stagewise.files.writers import temporary

MOST = 4 * 2**30  # bytes of them at a process's start
FROM_SECONDS = "1"  # what takes less is compiled again
TOLD_FROM = 2.0  # seconds of a first call that are worth a line
JAX_FOLDER, TENSORFLOW_FLAGS = "JAX_COMPILATION_CACHE_DIR", "TF_XLA_FLAGS"
TENSORFLOW_FLAG = "--tf_xla_persistent_cache_directory"

Result = TypeVar("Result")


def cache_folder(backend: str) -> Path:
    """Where a backend's graphs are kept: in the user's cache folder, apart from those of other backends."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "stagewise" / backend


def keep_compiled(backend: str) -> str:
    """Let a backend, which is yet to be loaded, keep compiled graphs on the disk. Returns: what is to be said of it.

    A user's own variables stay as they are; PyTorch compiles nothing here. Of what is there already, the longest unused
    is removed above `MOST`: JAX's own bound needs one more package, and TensorFlow has none. A folder that cannot be
    written is no failure: then every process compiles.
    """
    if chosen := _chosen_by_user(backend):
        return f"compiled graphs are kept as {chosen} says"
    if backend not in ("jax", "tensorflow"):
        return ""
    try:
        folder = cache_folder(backend)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # they run as they are: nobody else writes there
        probe = temporary(folder / "probe")  # of a name that no other host has, since home folders are shared
        probe.touch()
        probe.unlink()
    except RuntimeError:
        return "compiled graphs are not kept, since the user has no home folder; XDG_CACHE_HOME names another place"
    except OSError as error:
        return f"compiled graphs are not kept, since {folder} cannot be written ({error.strerror})"
    _remove_longest_unused(folder, MOST)
    _remember(backend, folder)
    return f"compiled graphs are kept in {folder}, cut to {MOST / 2**30:.0f} GiB at every start"


def _remember(backend: str, folder: Path) -> None:
    if backend == "jax":
        os.environ[JAX_FOLDER] = str(folder)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", FROM_SECONDS)
    else:
        os.environ[TENSORFLOW_FLAGS] = f"{os.environ.get(TENSORFLOW_FLAGS, '')} {TENSORFLOW_FLAG}='{folder}'".strip()


def keep_none(backend: str) -> None:
    """Take that back where the backend, loaded by now, sees no GPU: graphs of one CPU do not run on every other one.

    TensorFlow compiles nothing there.
    """
    if backend == "jax" and os.environ.get(JAX_FOLDER) == str(cache_folder(backend)):
        import jax
        from jax.experimental.compilation_cache import compilation_cache

        jax.config.update("jax_enable_compilation_cache", False)
        compilation_cache.reset_cache()  # else it stays in use, as Keras computes something while it is imported


def _chosen_by_user(backend: str) -> str | None:
    """The variable by which the user says where a backend keeps them, if at all."""
    if backend == "jax":
        return next((name for name in (JAX_FOLDER, "JAX_ENABLE_COMPILATION_CACHE") if name in os.environ), None)
    flags = os.environ.get(TENSORFLOW_FLAGS, "")
    return TENSORFLOW_FLAGS if backend == "tensorflow" and TENSORFLOW_FLAG in flags else None


def _remove_longest_unused(folder: Path, most: float) -> None:
    """Remove files from a folder and those in it, until the rest have `most` bytes; others may do so at a time."""
    known = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            state = path.stat()
            known += [(max(state.st_atime, state.st_mtime), state.st_size, path)] * path.is_file()
    size = sum(bytes_ for _, bytes_, _ in known)
    for _, bytes_, path in sorted(known):
        if size <= most:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        size -= bytes_


def told(what: str, first_call: Callable[[], Result], say: Callable[[str], None]) -> Result:
    """The result of a first call, which compiles; says how long it took where that was long.

    what: what was compiled, such as "the training step".
    """
    start = time.perf_counter()
    result = first_call()
    seconds = time.perf_counter() - start
    if seconds >= TOLD_FROM:
        say(f"{what}: compiled, and run once, in {seconds:.0f} s")
    return result
