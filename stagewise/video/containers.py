"""Which kind of file a video is, by its first bytes, and what its structure promises."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from stagewise.messages.commands import CONVERT
from stagewise.video import avi, matroska, mp4
from stagewise.video.container_error import ContainerError


class Container(NamedTuple):
    """A kind of file. name: FFmpeg's for its reader; frames_promised: checks the structure, and counts the frames."""

    name: str
    frames_promised: Callable[[BinaryIO], int]


MP4 = Container("mp4", mp4.frames_promised)  # and QuickTime
AVI = Container("avi", avi.frames_promised)
MATROSKA = Container("matroska", matroska.frames_promised)  # and WebM


def container_of(file: BinaryIO) -> Container:
    """The kind of an open file, which is left at any position. Raises ContainerError where it is none that is read."""
    file.seek(0)
    beginning = file.read(12)
    if not beginning:
        raise ContainerError("is an empty file")
    if beginning[4:8] in mp4.FIRST_BOXES:
        return MP4
    if beginning[:4] == b"RIFF" and beginning[8:] == b"AVI ":
        return AVI
    if beginning[:4] == matroska.BEGINNING:
        return MATROSKA
    found = f"is no mp4, mov, avi or mkv file; it begins with {beginning[:8]!r}"
    raise ContainerError(f"{found}; if it is a video, convert it: {CONVERT}")
