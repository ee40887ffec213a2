"""What a video may be called: its name becomes a path, a row of tables, a line of messages, a title in pictures."""

import re

from stagewise.messages.errors import InputError

SUFFIX = ".mp4"  # of a video whose name lacks one; in any case
SUFFIXES = (SUFFIX, ".mov", ".m4v", ".avi", ".mkv", ".webm")
LARGEST_BYTES = 200  # a file system's 255, less what a volume's name and a temporary name add
FORMULA = ("=", "+", "-", "@")  # a cell that begins with one is run by spreadsheets; "-" is an option in a shell, too


# names that have no problem, as nearly all have none: quicker to tell for half a million of them
ORDINARY = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,150}}({'|'.join(map(re.escape, SUFFIXES))})", re.ASCII | re.IGNORECASE)


def is_video(name: str) -> bool:
    """Whether the name ends as a video's does."""
    return name.lower().endswith(SUFFIXES)


def name_problem(name: str, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """Why a video, or another file of these suffixes, cannot have this name, or "" where it can."""
    if "/" in name or "\\" in name:
        return "is not a bare file name"
    if not name.isprintable():  # line ends, terminal codes, invisible letters, bytes that are no text
        return "has a character that cannot be printed"
    if name.startswith(FORMULA):
        return f"begins with {name[0]}, which spreadsheets take for a formula"
    if name.startswith((".", " ")):
        return "begins with a dot or a space"
    if not name.lower().endswith(suffixes):
        return f"does not end in {', '.join(suffixes)}"
    return f"is longer than {LARGEST_BYTES} bytes" if len(name.encode()) > LARGEST_BYTES else ""


def require_video_name(name: str, where: str) -> None:
    """Raise InputError where a video lies in the folder `where` under a name that it cannot have."""
    if problem := name_problem(name):
        raise InputError(f"{where}: the video's name {name!r} {problem}; rename it, there and in the tables")
