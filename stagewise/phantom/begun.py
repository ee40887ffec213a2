"""A folder that phantom data is made in: empty, or an interrupted run of the same order, as its marker file tells."""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stagewise.console.ending import command, ending
from stagewise.files import paths, xray_paths
from stagewise.files.writers import is_temporary
from stagewise.messages.errors import InputError

MARKER = ".phantom-unfinished.json"


def check_folder(folder: Path, order: Mapping[str, object], following: str) -> None:
    """Refuse a folder that holds anything but `.gitkeep` or an interrupted run of the same order.

    following: the script that goes on with what is there. Raises InputError, naming what is there and how to go on.
    """
    there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    there = [name for name in there if name != xray_paths.XRAYS]  # a data set of its own, within input/
    marker = folder / MARKER
    if marker.exists():
        anew = f"start over: rm -r {shlex.join(str(folder / name) for name in there if name != '.gitkeep')}"
        try:
            begun = json.loads(paths.read_text(marker))
        except ValueError as error:
            raise InputError(
                f"{paths.shown(marker)} is damaged ({error}), so that nothing tells what the phantom data there was to "
                f"become; {anew}"
            ) from error
        if begun != order:
            raise InputError(
                f"{paths.shown(folder)} holds an unfinished phantom data set made with {begun}; finish it with the "
                f"same command as then, or {anew}"
            )
        return
    foreign = [name for name in there if name != ".gitkeep" and not is_temporary(name)]
    if foreign:
        raise InputError(
            f"{paths.shown(folder)} is not empty (it holds {', '.join(foreign[:5])}), and phantom data takes a folder "
            "of its own: choose one with STAGEWISE_ROOT=FOLDER; "
            f"to go on with what is there:\n{ending([], command(following))}"
        )


@contextmanager
def unfinished(folder: Path, order: Mapping[str, object]) -> Iterator[None]:
    """Within, a marker file in the folder says that the set is not whole; it stays where an error ends the work."""
    with paths.replacing(folder / MARKER) as temporary:
        temporary.write_text(json.dumps(order), encoding="utf-8")
    yield
    (folder / MARKER).unlink(missing_ok=True)  # another run of the same order may have ended first
