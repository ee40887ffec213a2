"""The videos that a folder of `input/` holds, and what else lies there: nothing is passed over without a word."""

import os
from pathlib import Path

from stagewise.files import paths
from stagewise.files.names import SUFFIXES, is_video
from stagewise.messages.commands import CONVERT, CONVERT_TIFF
from stagewise.messages.errors import INPUT_MEND, InputError
from stagewise.video.container_error import ContainerError
from stagewise.video.containers import container_of

MOVING = (  # other names of files that may hold a video
    *(".gif", ".apng", ".webp", ".wmv", ".asf", ".flv", ".f4v", ".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".mts"),
    *(".m2ts", ".ogv", ".ogg", ".rm", ".rmvb", ".mxf", ".dv", ".h264", ".264", ".h265", ".hevc", ".y4m", ".yuv"),
)
TIFF = (".tif", ".tiff")
SHOWN_NAMES = 3
HIDDEN, BELOW, UNNAMED = ("hidden file", ""), ("file", " in a sub-folder"), ("video", " without a video's suffix")
STACK, UNREAD, OTHER = ("TIFF file", ""), ("file", " of a type that is not read"), ("other file", "")
KINDS = {  # what is passed over, in the order in which it is told, and what to do
    HIDDEN: "rename those that are videos",
    BELOW: "move the videos among them up",
    UNNAMED: f"give it one of {', '.join(SUFFIXES)}",
    STACK: f"convert it if it is a video: {CONVERT_TIFF}",
    UNREAD: f"convert it: {CONVERT}",
    OTHER: "no video by its name",
}


def list_videos(subset: str) -> list[Path]:
    """Every video of the subset by its name, sorted; InputError, which tells what else is there, if there is none."""
    videos = [path for path in _listed(subset) if _is_shown_video(path)]
    if not videos:
        folder, others = paths.shown(paths.videos_folder(subset)), passed_over(subset)
        there = f"; passed over there: {'; '.join(others)}" if others else ""
        raise InputError(
            f"no videos ({', '.join(SUFFIXES)}) in {folder}{there}; {INPUT_MEND.replace('own file', 'own files')}"
        )
    return videos


def passed_over(subset: str) -> list[str]:
    """What the folder holds beside its videos: a line a kind, with the number of files, some names, and what to do."""
    found = {kind: [] for kind in KINDS}
    for path in _listed(subset):
        if not _is_shown_video(path):
            found[_kind(path)].extend(_files_in(path) if path.is_dir() else [path.name])
    return [
        f"{len(names)} {noun}{'s' * (len(names) > 1)}{kind} ({shown(names)}): {KINDS[noun, kind]}"
        for (noun, kind), names in found.items()
        if names
    ]


def _listed(subset: str) -> list[Path]:
    """Everything in the folder, sorted; nothing where there is no folder."""
    folder = paths.videos_folder(subset)
    return sorted(folder.iterdir()) if folder.exists() else []


def _is_shown_video(path: Path) -> bool:
    return is_video(path.name) and not path.name.startswith(".")


def _kind(path: Path) -> tuple[str, str]:
    ending = path.suffix.lower()
    if path.name.startswith("."):
        return HIDDEN
    if path.is_dir():
        return BELOW
    if _is_video_inside(path):
        return UNNAMED
    return STACK if ending in TIFF else UNREAD if ending in MOVING else OTHER


def _is_video_inside(path: Path) -> bool:
    try:
        if path.is_file():  # a pipe would never end
            with path.open("rb") as file:
                container_of(file)
            return True
    except (ContainerError, OSError):
        pass
    return False


def _files_in(folder: Path) -> list[str]:
    """The files below a folder, and folders that cannot be read, by their path from its parent; no link followed."""
    errors = []
    files = [Path(where, name) for where, _, names in os.walk(folder, onerror=errors.append) for name in names]
    closed = [Path(error.filename) for error in errors]
    return sorted(str(path.relative_to(folder.parent)) for path in files + closed)


def shown(names: list[str]) -> str:
    """The first names of several, as a message may show them."""
    first = [name if name.isprintable() else ascii(name) for name in names[:SHOWN_NAMES]]
    return ", ".join(first + ["..."] * (len(names) > SHOWN_NAMES))


def subsets_there() -> tuple[str, ...]:
    """`train` and `test`, or the one of them that holds anything: own videos may have no test set, or nothing else."""
    folders = {subset: paths.videos_folder(subset) for subset in paths.SUBSETS}
    held = {subset: folder.iterdir() if folder.exists() else () for subset, folder in folders.items()}
    there = [subset for subset, files in held.items() if any(not file.name.startswith(".") for file in files)]
    return tuple(there) or paths.SUBSETS
