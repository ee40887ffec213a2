"""The DICOM files of a folder of `input/xrays/`, in folders of any depth, linked ones too, and what else lies there."""

import os
from collections.abc import Iterator
from pathlib import Path

from stagewise.files import paths, xray_paths
from stagewise.messages.commands import MAKE_XRAYS
from stagewise.messages.errors import InputError
from stagewise.xrays.image_names import image_name_problem, without_suffix

SUFFIX = ".dcm"
SHOWN_NAMES = 3


def list_dicoms(subset: str) -> dict[str, Path]:
    """Every DICOM file of `train` or `test` by its image's name, which is the file's without .dcm, sorted.

    Raises InputError where there is none, where two have one name, or where a name cannot be an image's.
    """
    found: dict[str, Path] = {}
    for path in sorted(path for path in _files(subset) if _is_dicom(path)):
        name = without_suffix(path.name)
        if problem := image_name_problem(name):
            raise InputError(f"{paths.shown(path.parent)}: the file's name {path.name!r} {problem}; rename it")
        if name in found:
            raise InputError(f"{paths.shown(found[name])} and {paths.shown(path)} have one name; keep one of them")
        found[name] = path
    if not found:
        folder = paths.shown(xray_paths.dicom_folder(subset))
        raise InputError(f"no {SUFFIX} files in {folder}; put the competition's there, or run: {MAKE_XRAYS}")
    return dict(sorted(found.items()))


def passed_over(subset: str) -> list[str]:
    """What lies there beside the DICOM files: a line, or none."""
    others = sorted(
        str(path.relative_to(xray_paths.dicom_folder(subset))) for path in _files(subset) if not _is_dicom(path)
    )
    if not others:
        return []
    shown = [name if name.isprintable() else ascii(name) for name in others[:SHOWN_NAMES]]
    named = ", ".join(shown + ["..."] * (len(others) > SHOWN_NAMES))
    return [f"{len(others)} other file{'s' * (len(others) > 1)} ({named}): rename those that are {SUFFIX} files"]


def subsets_there() -> tuple[str, ...]:
    """`train` and `test`, or the one of them that has DICOM files; both where neither has."""
    there = [subset for subset in paths.SUBSETS if any(_is_dicom(path) for path in _files(subset))]
    return tuple(there) or paths.SUBSETS


def _is_dicom(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIX) and not path.name.startswith(".")


def _files(subset: str) -> Iterator[Path]:
    """All files below the folder, but for the marks that keep an empty one; folders are also followed by links."""
    seen: set[str] = set()  # each is followed once: links may lead to one folder twice, or back to one above
    for where, folders, names in os.walk(xray_paths.dicom_folder(subset), onerror=_cannot_be_listed, followlinks=True):
        if (real := os.path.realpath(where)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(where, name) for name in names if name != ".gitkeep")


def _cannot_be_listed(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # no test set
        raise error
